// cli/shell_stage.hpp: a machine brought up for the shell, on a geometry and with a policy that are types.
#pragma once

#include "cli/policy.hpp"
#include "cli/run_pages.hpp"
#include "cli/text.hpp"
#include "host/many_core_host.hpp"
#include "linux/initcall_watermarks.hpp"
#include "quarry/buddy/page_allocator_impl.hpp"
#include "quarry/memory/bring_up.hpp"
#include "shell/stage.hpp"
#include "shell/steps.hpp"

namespace quarry::cli {

template <Geometry G, class Policy>
class ShellStage {
 public:
  using System = memory::PageSystem<G, hosted::ManyCoreHost, shell::StepWatcher, Policy>;

  ShellStage(memory::EarlySystem& early, hosted::PagedRam& ram, page::MetadataSource metadata,
             std::optional<AsLinux> as_linux, PolicyChoice policy, shell::StepTeller& teller)
      : early_{early},
        ram_{ram},
        linux_{as_linux},
        cores_{.count = early.machine().cpus},
        system_{early, hosted::ManyCoreHost{ram, cores_}, metadata, config(), watcher(teller)},
        machine_{*this, policy} {}

  Result<Done> bring_up(memory::Stage& reached) {
    return memory::bring_up(early_, system_, reached, {this, [](void* self, memory::Stage stage) noexcept {
                                                         if (stage == memory::Stage::early)
                                                           static_cast<ShellStage*>(self)->limit_ram();
                                                       }});
  }
  shell::Machine& machine() { return machine_; }

 private:
  // Any of the simulated cores may ask, and what a Linux machine shows depends on its kernel.
  class SimulatedMachine final : public shell::Stage<System, hosted::ManyCoreHost> {
   public:
    SimulatedMachine(ShellStage& stage, PolicyChoice policy)
        : shell::Stage<System, hosted::ManyCoreHost>{stage.early_, stage.system_,
                                                     hosted::ManyCoreHost{stage.ram_, stage.cores_}},
          stage_{stage},
          policy_{policy} {}

    Result<Done> run_on(unsigned core) noexcept override {
      stage_.cores_.running = core;
      return Done{};
    }
    view::DeviceColumn device_column() const noexcept override {
      const bool is_there = stage_.linux_ && stage_.linux_->machine.kernel.has("CONFIG_ZONE_DEVICE");
      return is_there ? view::DeviceColumn::present : view::DeviceColumn::absent;
    }
    TextView policy() const noexcept override { return view_of(word_of(policy_)); }

   private:
    ShellStage& stage_;
    PolicyChoice policy_;
  };

  static shell::StepWatcher watcher(shell::StepTeller& teller) {
    shell::StepWatcher watcher;
    watcher.to = &teller;
    return watcher;
  }
  memory::PageConfig config() {
    memory::PageConfig config;
    config.allocator.hand_over = buddy::HandOver::deferred;
    config.slabs.packing.cpus = early_.machine().cpus;
    const boot::Arch arch = early_.machine().arch;
    config.slabs.packing.kmalloc_align = arch == boot::Arch::arm64 ? 128 : arch == boot::Arch::arm ? 64 : 8;
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
    system_.allocator().set_min_free(marks.min_free_kib);
  }
  void limit_ram() {
    std::vector<PhysRange> memory;
    for (const auto& region : early_.memblock().memory().view()) memory.push_back(region.range());
    ram_.limit_to(memory);
  }

  memory::EarlySystem& early_;
  hosted::PagedRam& ram_;
  std::optional<AsLinux> linux_;
  hosted::SimulatedCores cores_;
  System system_;
  SimulatedMachine machine_;
};

}  // namespace quarry::cli
