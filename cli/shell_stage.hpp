// cli/shell_stage.hpp: a machine brought up for the shell, on a geometry and with a policy that are types.
#pragma once

#include "cli/run_pages.hpp"
#include "cli/shell_machine.hpp"
#include "cli/shell_steps.hpp"
#include "cli/text.hpp"
#include "host/many_core_host.hpp"
#include "linux/initcall_watermarks.hpp"
#include "quarry/buddy/page_allocator_impl.hpp"
#include "quarry/memory/bring_up.hpp"
#include "quarry/view/slabinfo.hpp"

namespace quarry::cli {

template <Geometry G, class Policy>
class ShellStage final : public ShellMachine {
 public:
  using System = memory::PageSystem<G, hosted::ManyCoreHost, StepWatcher, Policy>;

  ShellStage(memory::EarlySystem& early, hosted::PagedRam& ram, page::MetadataSource metadata,
             std::optional<AsLinux> as_linux, PolicyChoice policy, StepTeller& teller)
      : early_{early},
        ram_{ram},
        linux_{as_linux},
        policy_{policy},
        cores_{.count = early.machine().cpus},
        system_{early, hosted::ManyCoreHost{ram, cores_}, metadata, config(), watcher(teller)} {}

  Result<Done> bring_up(memory::Stage& reached) {
    return memory::bring_up(early_, system_, reached, {this, [](void* self, memory::Stage stage) noexcept {
                                                         if (stage == memory::Stage::early)
                                                           static_cast<ShellStage*>(self)->limit_ram();
                                                       }});
  }

  Result<Pfn> alloc_pages(Order order, const buddy::Request& request) override {
    return pages().alloc_pages(order, request);
  }
  Result<Done> free_pages(Pfn page, Order order) override { return pages().free_pages(page, order); }
  std::size_t alloc_bulk(std::span<Pfn> into, const buddy::Request& request) override {
    return pages().alloc_pages_bulk(into, request);
  }
  Result<Pfn> alloc_exact(PageCount count, const buddy::Request& request) override {
    return pages().alloc_pages_exact(count, request);
  }
  Result<Done> free_exact(Pfn first, PageCount count) override {
    return pages().free_pages_exact(first, count);
  }
  Result<Done> isolate(PfnRange range) override { return pages().isolate(range); }
  void undo_isolation(PfnRange range, page::MigrateType type) override {
    pages().undo_isolation(range, type);
  }
  Result<Done> alloc_range(PfnRange range, page::MigrateType type) override {
    return pages().alloc_range(range, type);
  }
  Result<Done> free_range(PfnRange range) override { return pages().free_range(range); }
  buddy::Misuse last_misuse() const override { return system_.allocator().last_misuse(); }
  void set_mover(const buddy::Mover& mover) override { pages().set_mover(mover); }
  std::byte* memory_of(PfnRange range) override { return ram_.map(range); }

  void drain(std::optional<unsigned> core) override {
    if (core)
      pages().drain(*core);
    else
      pages().drain_all();
  }
  unsigned core_count() const override { return cores_.count; }
  unsigned core() const override { return cores_.running; }
  void run_on(unsigned core) override { cores_.running = core; }

  Result<PhysAddr> kmalloc(std::uint64_t size, NodeId node) override {
    const auto object = system_.kmalloc().kmalloc(size, {.node = node});
    if (!object) return object.error();
    const auto page = ram_.pfn_of(object.value());
    if (!page) return page.error();
    const std::byte* const start = ram_.map({page.value(), page.value() + PageCount{1}});
    const auto offset = static_cast<std::uint64_t>(static_cast<const std::byte*>(object.value()) - start);
    return G.page_size().address_of(page.value()) + Bytes{offset};
  }
  Result<Done> kfree(PhysAddr object) override {
    void* const memory = pointer(object);
    if (memory == nullptr) return Error::out_of_range;
    return system_.kmalloc().kfree(memory);
  }
  Result<std::uint64_t> ksize(PhysAddr object) override {
    const void* const memory = pointer(object);
    if (memory == nullptr) return Error::out_of_range;
    return system_.kmalloc().ksize(memory);
  }

  const memory::EarlySystem& early() const override { return early_; }
  const Geometry& geometry() const override { return kGeometry; }
  PolicyChoice policy() const override { return policy_; }
  buddy::ZoneStats stats(std::uint32_t zone) const override { return system_.allocator().stats(zone); }
  PageCount pages_on(std::uint32_t zone, unsigned core) const override {
    return system_.allocator().pages_on(zone, core);
  }
  buddy::Obstacle obstacle(std::uint32_t zone, Order order, const buddy::Request& request) const override {
    return system_.allocator().obstacle(zone, order, request);
  }
  std::optional<PageLook> look_at(Pfn page) override;
  std::string slabinfo() override {
    return printed([&](TextSink& out) {
      view::print_slabinfo_header(out);
      for (auto* cache = system_.slabs().first(); cache != nullptr; cache = cache->next())
        view::print_slabinfo_line(out, cache->stats());
    });
  }
  buddy::Finding audit() const override { return system_.allocator().audit(); }
  std::string slab_audit() override {
    const auto audit = system_.slabs().audit();
    return audit.holds() ? std::string{} : to_string(slab::name_of(audit.broken));
  }
  view::DeviceColumn device_column() const override {
    const bool is_there = linux_ && linux_->machine.kernel.has("CONFIG_ZONE_DEVICE");
    return is_there ? view::DeviceColumn::present : view::DeviceColumn::absent;
  }

 private:
  static constexpr Geometry kGeometry = G;

  typename System::Allocator& pages() { return system_.allocator(); }

  static StepWatcher watcher(StepTeller& teller) {
    StepWatcher watcher;
    watcher.to = &teller;
    return watcher;
  }
  memory::PageConfig config() {
    memory::PageConfig config;
    config.allocator.hand_over = buddy::HandOver::deferred;
    config.packing.cpus = early_.machine().cpus;
    const boot::Arch arch = early_.machine().arch;
    config.packing.kmalloc_align = arch == boot::Arch::arm64 ? 128 : arch == boot::Arch::arm ? 64 : 8;
    config.moments = {this, [](void* self, const memory::Moment& moment) noexcept {
                        static_cast<ShellStage*>(self)->moment(moment);
                      }};
    return config;
  }
  // Linux computes the watermarks once more when khugepaged starts.
  void moment(const memory::Moment& moment) {
    if (moment.step != memory::HandOverStep::used || !linux_) return;
    const auto marks =
        lnx::initcall_marks(lnx::managed_zones(early_), linux_->machine.kernel, linux_->machine.command_line);
    pages().set_min_free(marks.min_free_kib);
  }
  void limit_ram() {
    std::vector<PhysRange> memory;
    for (const auto& region : early_.memblock().memory().view()) memory.push_back(region.range());
    ram_.limit_to(memory);
  }
  std::byte* pointer(PhysAddr at) {
    const Pfn page = G.page_size().pfn_down(at);
    std::byte* const start = ram_.map({page, page + PageCount{1}});
    return start == nullptr ? nullptr : start + (at.raw - G.page_size().address_of(page).raw);
  }

  memory::EarlySystem& early_;
  hosted::PagedRam& ram_;
  std::optional<AsLinux> linux_;
  PolicyChoice policy_;
  hosted::SimulatedCores cores_;
  mutable System system_;  // its counts are read through functions that may bring sections up
};

template <Geometry G, class Policy>
std::optional<PageLook> ShellStage<G, Policy>::look_at(Pfn page) {
  const page::Descriptor* const own = pages().descriptor(page);
  if (own == nullptr) return std::nullopt;
  auto& map = pages().map();
  PageLook look{.state = own->state(), .block = {}, .pageblock = map.pageblock_type(page)};
  for (std::uint32_t zone = 0; zone < pages().zone_count(); ++zone) {
    if (!early_.layout().zones[zone].is_populated()) continue;
    const auto free = pages().zone_pages(zone).block_of(page);
    if (!free) continue;
    look.state = page::State::free;
    look.block = {free.value().page, free.value().page + free.value().order.pages()};
    return look;
  }
  const auto head = page::head_of(map, page);
  if (!head) return look;
  const page::Descriptor& block = map.at(head.value());
  look.state = block.state();
  if (look.state == page::State::allocated || look.state == page::State::slab)
    look.block = {head.value(), head.value() + block.order().pages()};
  return look;
}

}  // namespace quarry::cli
