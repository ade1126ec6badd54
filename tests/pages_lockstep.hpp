// tests/pages_lockstep.hpp: every call of the page allocator, made on it and on the cells.
#pragma once

#include "tests/pages_cells.hpp"

namespace quarry::buddy {

template <Geometry G, class Policy>
class PagesLockstep : public PagesCells<G, Policy> {
  using Base = PagesCells<G, Policy>;
  using Base::all, Base::area_at, Base::areas_, Base::block_type, Base::handed_out_, Base::is_block,
      Base::cell, Base::cells_, Base::core_, Base::expect, Base::is_on_core, Base::kWhole, Base::limit,
      Base::machine_, Base::may_isolate, Base::misuse_of, Base::must_serve, Base::needed, Base::request_of,
      Base::setup_, Base::wrong_, Base::zone_at, Base::zonelist_of;

 public:
  using Base::compare, Base::digest, Base::lasting_digest, Base::load, Base::save;
  using typename Base::Is, typename Base::M, typename Base::Snapshot;

  explicit PagesLockstep(const PagesSetup& setup) : Base{setup} {
    machine_.allocator.set_mover({this, [](void* self, Pfn from, Pfn to, Order order) noexcept {
                                    return static_cast<PagesLockstep*>(self)->move(from, to, order);
                                  }});
  }

  // Does it on both sides.
  //
  // Returns   what is wrong, or an empty text.
  std::string step(const PageStep& step) {
    std::string wrong = apply(step);
    return wrong.empty() ? compare() : wrong;
  }
  std::string apply(const PageStep& step) {
    wrong_.clear();
    switch (step.verb) {
      case Verb::alloc: alloc(step); break;
      case Verb::free: free(step); break;
      case Verb::get: get(step); break;
      case Verb::put: put(step); break;
      case Verb::split: split(step); break;
      case Verb::bulk: bulk(step); break;
      case Verb::exact: exact(step); break;
      case Verb::free_exact:
        free_all(step, machine_.allocator.free_pages_exact(Pfn{step.page}, PageCount{step.count}));
        break;
      case Verb::drain: drain(); break;
      case Verb::isolate: isolate(step); break;
      case Verb::undo: undo(step); break;
      case Verb::take_range: take_range(step); break;
      case Verb::free_range:
        free_all(step, machine_.allocator.free_range({Pfn{step.page}, Pfn{step.page + step.count}}));
        break;
      case Verb::alloc_at: alloc_at(step); break;
      case Verb::area_alloc: area_alloc(step); break;
      case Verb::area_release: area_release(step); break;
      case Verb::set_marks: set_marks(step); break;
      case Verb::switch_core:
        core_ = setup_.cores == 0 ? 0 : static_cast<unsigned>(step.page % setup_.cores);
        break;
    }
    return wrong_;
  }

  // Every wrong way to free: each is refused by its name and changes nothing.
  std::string misuse_everything() {
    const std::uint64_t before = digest();
    for (std::uint64_t page = 0; page < cells_.size() + 2; ++page)
      for (unsigned order = 0; order <= G.max_order_; ++order) {
        const Misuse expected = misuse_of(page, order);
        if (expected == Misuse::none) continue;
        if (machine_.allocator.free_pages(Pfn{page}, Order{order}))
          return "a misuse went through at " + std::to_string(page);
        if (machine_.allocator.last_misuse() != expected)
          return std::string{"misuse is called "} + name_of(machine_.allocator.last_misuse()).data() +
                 ", not " + name_of(expected).data() + ", at " + std::to_string(page);
      }
    return digest() == before ? "" : "a misuse changed something";
  }

  // obstacle() says of each request whether it is served.
  std::string try_obstacles(const std::vector<PageStep>& requests) {
    Snapshot before;
    save(before);
    for (const PageStep& one : requests) {
      const Request request = request_of(one);
      bool is_free = false;
      for (const zones::ZoneRef ref : zonelist_of(one))
        is_free |= !machine_.allocator.obstacle(ref.zone, Order{one.order}, request);
      const bool served = static_cast<bool>(machine_.allocator.alloc_pages(Order{one.order}, request));
      load(before);
      if (served != is_free)
        return std::string{served ? "served past an obstacle" : "no obstacle, and not served"} + ", order " +
               std::to_string(one.order) + " type " + std::to_string(static_cast<unsigned>(one.type)) +
               " urgency " + std::to_string(static_cast<unsigned>(one.urgency)) + " effort " +
               std::to_string(static_cast<unsigned>(one.effort));
    }
    return "";
  }

  bool mover_refuses = false;

 private:
  // --- Calls --------------------------------------------------------------------------------------------------
  void take(std::uint64_t page, unsigned order, const PageStep& step) {
    const std::uint64_t size = std::uint64_t{1} << order;
    expect(page % size == 0, "misaligned");
    expect(all(page, size, Is::available), "handed out twice");
    if (!wrong_.empty()) return;
    bool is_allowed = false;
    for (const zones::ZoneRef ref : zonelist_of(step)) is_allowed |= ref.zone == zone_at(page);
    expect(is_allowed, "from a zone that the request forbids");
    for (std::uint64_t at = page; at < page + size; ++at) {
      expect(block_type(at) != MigrateType::isolate, "out of an isolated pageblock");
      expect(step.type == MigrateType::movable || block_type(at) != MigrateType::cma, "unmovable in an area");
    }
    hold(page, order, step.type);
    const page::Descriptor& head = machine_.map.at(Pfn{page});
    expect(head.is_allocated(Order{order}) && head.references() == 1, "the descriptor does not say so");
  }
  void hold(std::uint64_t page, unsigned order, MigrateType type) {
    for (std::uint64_t at = page; at < page + (std::uint64_t{1} << order); ++at)
      cells_[at] = {Is::tail, 0, type, 0};
    cells_[page] = {Is::head, static_cast<std::uint8_t>(order), type, 1};
  }
  void let_go(std::uint64_t page) {
    const std::uint64_t size = std::uint64_t{1} << cells_[page].order;
    for (std::uint64_t at = page; at < page + size; ++at)
      cells_[at] = {Is::available, 0, MigrateType::unmovable, 0};
  }

  void alloc(const PageStep& step) {
    const bool must = must_serve(step);
    std::vector<std::uint64_t> most;  // what may be taken where, before
    for (const zones::ZoneRef ref : zonelist_of(step))
      most.push_back(machine_.allocator.free_pages_of(ref.zone).raw >= needed(ref.zone, step) ? ref.zone
                                                                                              : UINT64_MAX);
    const std::uint64_t before = lasting_digest();
    const auto page = machine_.allocator.alloc_pages(Order{step.order}, request_of(step));
    if (!page) {
      expect(!must, "failed though a zone has a block above its mark");
      // A core that looked at its own lists in vain is less eager to give back.
      const bool looked = setup_.cores != 0 && step.urgency >= Urgency::atomic;
      expect(looked || step.effort == Effort::full || lasting_digest() == before,
             "a failed request changed something");
      return;
    }
    take(page.value().raw, step.order, step);
    bool was_above = step.effort == Effort::full;  // drained in between
    for (const std::uint64_t zone : most) was_above |= zone == zone_at(page.value().raw);
    expect(was_above, "served out of a zone below its mark");
  }

  // A call that must be refused when `misuse` is not none.
  template <class Call>
  bool goes_through(Misuse misuse, Call call) {
    const std::uint64_t before = digest();
    const auto done = call();
    if (misuse == Misuse::none) {
      expect(static_cast<bool>(done), "refused");
      return wrong_.empty();
    }
    expect(!done, "a misuse went through");
    if (done) return false;
    expect(done.error() == error_of(misuse) && machine_.allocator.last_misuse() == misuse,
           "a misuse has a wrong name");
    expect(digest() == before, "a misuse changed something");
    return false;
  }
  void free(const PageStep& step) {
    if (goes_through(misuse_of(step.page, step.order),
                     [&] { return machine_.allocator.free_pages(Pfn{step.page}, Order{step.order}); }))
      let_go(step.page);
  }
  void free_all(const PageStep& step, Result<Done> done) {
    Misuse misuse = Misuse::none;
    for (std::uint64_t at = step.page; at < step.page + step.count && misuse == Misuse::none; ++at)
      misuse = misuse_of(at, 0);
    expect(static_cast<bool>(done) == (misuse == Misuse::none), "a run of pages was freed wrongly");
    for (std::uint64_t at = step.page; done && at < step.page + step.count; ++at) let_go(at);
  }
  void get(const PageStep& step) {
    const PageCell* const at = cell(step.page);
    const bool is_head = at != nullptr && at->is == Is::head;
    if (is_head && at->users == 200) return;
    const auto done = machine_.allocator.get_page(Pfn{step.page});
    expect(static_cast<bool>(done) == is_head, "get_page() is wrong");
    if (done) ++cells_[step.page].users;
  }
  void put(const PageStep& step) {
    const PageCell* const at = cell(step.page);
    const bool is_head = at != nullptr && at->is == Is::head;
    const auto done = machine_.allocator.put_page(Pfn{step.page});
    expect(static_cast<bool>(done) == is_head, "put_page() is wrong");
    if (done && --cells_[step.page].users == 0) let_go(step.page);
  }
  void split(const PageStep& step) {
    if (!goes_through(misuse_of(step.page, step.order),
                      [&] { return machine_.allocator.split_page(Pfn{step.page}, Order{step.order}); }))
      return;
    const MigrateType type = cells_[step.page].type;
    for (std::uint64_t at = step.page; at < step.page + (std::uint64_t{1} << step.order); ++at)
      hold(at, 0, type);
  }
  void bulk(const PageStep& step) {
    std::vector<Pfn> pages(step.count);
    const std::size_t count = machine_.allocator.alloc_pages_bulk(pages, request_of(step));
    expect(count <= pages.size(), "more than asked for");
    for (std::size_t i = 0; i < count && wrong_.empty(); ++i) take(pages[i].raw, 0, step);
    PageStep one = step;
    one.order = 0;
    expect(count == pages.size() || !must_serve(one), "less than there was");
  }
  void exact(const PageStep& step) {
    PageStep whole = step;
    whole.order = 0;
    while ((std::uint64_t{1} << whole.order) < step.count) ++whole.order;
    const bool is_good = step.count != 0 && whole.order <= G.max_order_;
    const bool must = is_good && must_serve(whole);
    const auto first = machine_.allocator.alloc_pages_exact(PageCount{step.count}, request_of(step));
    expect(first || !must, "no run of pages though there is a block");
    if (!first) return;
    expect(is_good && first.value().raw % (std::uint64_t{1} << whole.order) == 0, "a strange run of pages");
    for (std::uint64_t i = 0; i < step.count && wrong_.empty(); ++i) take(first.value().raw + i, 0, step);
  }
  void drain() {
    machine_.allocator.drain_all();
    for (std::uint64_t at = 0; at < cells_.size(); ++at)
      expect(machine_.map.find(Pfn{at}) == nullptr || !is_on_core(at), "a page stays on a core");
  }
  void set_marks(const PageStep& step) {
    machine_.allocator.set_watermarks(step.count);
    limit();
  }

  // --- Isolation ------------------------------------------------------------------------------------------------
  void isolate(const PageStep& step) {
    const std::uint64_t end = step.page + step.count;
    const bool must = may_isolate(step.page, end);
    const std::uint64_t before = digest();
    const auto done = machine_.allocator.isolate({Pfn{step.page}, Pfn{end}});
    expect(static_cast<bool>(done) == must, must ? "not isolated" : "isolated though it cannot be");
    expect(done || setup_.hand_over == HandOver::deferred || digest() == before,
           "a refused isolation changed something");
    for (std::uint64_t at = step.page; done && at < end; ++at)
      expect(block_type(at) == MigrateType::isolate && !is_on_core(at), "isolated in part");
  }
  void undo(const PageStep& step) {
    const std::uint64_t end = step.page + step.count;
    const auto* const area = area_at(step.page);
    if (area == nullptr || end > area->end || step.page % kWhole != 0 || end % kWhole != 0) return;
    for (std::uint64_t at = step.page; at < end; ++at)
      if (machine_.map.find(Pfn{at}) == nullptr) return;
    machine_.allocator.undo_isolation({Pfn{step.page}, Pfn{end}}, step.type);
    for (std::uint64_t at = step.page; at < end; ++at)
      expect(block_type(at) != MigrateType::isolate, "still isolated");
  }
  bool move(Pfn from, Pfn to, Order order) {
    const std::uint64_t size = order.pages().raw;
    const PageCell is = cells_[from.raw];
    expect(is.is == Is::head && is.order == order.raw() && is.type == MigrateType::movable && is.users == 1,
           "moved what cannot be moved");
    expect(all(to.raw, size, Is::available) && block_type(to.raw) != MigrateType::isolate,
           "moved to a bad place");
    ++moves_;
    if (mover_refuses || !wrong_.empty()) return false;
    hold(to.raw, order.raw(), MigrateType::movable);
    let_go(from.raw);
    return true;
  }
  void take_range(const PageStep& step) {
    const std::uint64_t end = step.page + step.count;
    const std::uint64_t begin_whole = step.page / kWhole * kWhole,
                        end_whole = (end + kWhole - 1) / kWhole * kWhole;
    const bool may = step.count != 0 && may_isolate(begin_whole, end_whole);
    const bool is_free = may && all(step.page, step.count, Is::available);
    const auto done = machine_.allocator.alloc_range({Pfn{step.page}, Pfn{end}}, step.type);
    expect(may || !done, "a range was taken that cannot be");
    expect(!is_free || done, "a free range was refused");
    if (!done) return;
    expect(all(step.page, step.count, Is::available), "a range in use was handed out");
    for (std::uint64_t at = step.page; at < end && wrong_.empty(); ++at) {
      hold(at, 0, MigrateType::movable);
      expect(machine_.map.at(Pfn{at}).is_allocated(Order{0}) && block_type(at) == step.type,
             "a page of a range says else");
    }
  }
  void alloc_at(const PageStep& step) {
    PageStep plain = step;  // no reserve is touched
    plain.urgency = Urgency::normal;
    const bool must = is_block(plain);
    const std::uint64_t before = digest();
    const auto done = machine_.allocator.alloc_at(Pfn{step.page}, Order{step.order}, step.type);
    expect(static_cast<bool>(done) == must,
           must ? "a free block was refused" : "a block was taken that is not free");
    expect(done || setup_.hand_over == HandOver::deferred || digest() == before,
           "a refused block changed something");
    if (!done) return;
    hold(step.page, step.order, step.type);
    expect(machine_.map.at(Pfn{step.page}).is_allocated(Order{step.order}),
           "a block that was asked for says else");
  }

  // --- Areas ------------------------------------------------------------------------------------------------------
  bool is_clear(std::uint64_t page, std::uint64_t count) const {
    for (std::uint64_t at = page; at < page + count; ++at)
      if (handed_out_[at]) return false;
    return true;
  }
  // A run of the area that nobody has, nor anything in its pageblocks that cannot be moved.
  bool has_run(PfnRange pages, const PageStep& step) const {
    const std::uint64_t size = std::uint64_t{1} << step.order;
    for (std::uint64_t at = (pages.begin().raw + size - 1) / size * size; at + step.count <= pages.end().raw;
         at += size)
      if (is_clear(at, step.count) && all(at, step.count, Is::available) &&
          may_isolate(at / kWhole * kWhole, (at + step.count + kWhole - 1) / kWhole * kWhole))
        return true;
    return false;
  }
  void area_alloc(const PageStep& step) {
    if (areas_.empty()) return;
    auto& area = areas_[step.page % areas_.size()];
    const bool must = step.count != 0 && has_run(area.pages(), step);
    const unsigned before = moves_;
    const auto first = area.alloc(PageCount{step.count}, Order{step.order});
    expect(first || !must || moves_ != before, "an area refused a run that it has");
    if (!first) return;
    const std::uint64_t page = first.value().raw;
    const bool is_inside = area.pages().begin().raw <= page && page + step.count <= area.pages().end().raw;
    expect(is_inside && page % (std::uint64_t{1} << step.order) == 0, "a strange run of an area");
    if (!wrong_.empty()) return;
    expect(is_clear(page, step.count), "an area handed out what it had handed out");
    expect(all(page, step.count, Is::available), "an area handed out what is in use");
    for (std::uint64_t at = page; at < page + step.count && wrong_.empty(); ++at) {
      hold(at, 0, MigrateType::movable);
      handed_out_[at] = true;
      expect(block_type(at) == MigrateType::cma, "a pageblock of an area has another type");
    }
  }
  AreaMisuse area_misuse_of(PfnRange pages, const PageStep& step) const {
    const std::uint64_t end = step.page + step.count;
    if (step.count == 0 || step.page < pages.begin().raw || end > pages.end().raw)
      return AreaMisuse::not_of_area;
    std::uint64_t set = 0;
    for (std::uint64_t at = step.page; at < end; ++at) set += handed_out_[at];
    if (set == 0) return AreaMisuse::not_allocated;
    if (set != step.count) return AreaMisuse::partly;
    for (std::uint64_t at = step.page; at < end; ++at)
      if (misuse_of(at, 0) != Misuse::none) return AreaMisuse::busy_page;
    return AreaMisuse::none;
  }
  void area_release(const PageStep& step) {
    if (areas_.empty()) return;
    std::size_t which = 0;
    for (std::size_t i = 0; i < areas_.size(); ++i)
      if (areas_[i].pages().contains(Pfn{step.page})) which = i;
    auto& area = areas_[which];
    const AreaMisuse misuse = area_misuse_of(area.pages(), step);
    const std::uint64_t before = digest();
    const auto done = area.release({Pfn{step.page}, Pfn{step.page + step.count}});
    expect(static_cast<bool>(done) == (misuse == AreaMisuse::none), "a release to an area went wrong");
    expect(done || (digest() == before && area.last_misuse() == misuse),
           "a refused release is not named, or changed something");
    for (std::uint64_t at = step.page; done && at < step.page + step.count; ++at)
      let_go(at), handed_out_[at] = false;
  }

  unsigned moves_ = 0;  // asked for
};

}  // namespace quarry::buddy
