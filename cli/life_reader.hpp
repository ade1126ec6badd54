// cli/life_reader.hpp: follows one address through a boot: what page it is part of is looked at after every step.
#pragma once

#include <memory>
#include <optional>

#include "cli/life.hpp"
#include "cli/page_look.hpp"
#include "cli/run_pages.hpp"
#include "linux/description.hpp"

namespace quarry::cli {

class AddressSpace;

struct LifeQuestion {
  std::uint64_t address = 0;
  enum class Kind { physical, page_frame, virtual_address } kind = Kind::physical;
};

class LifeReader final : public PageWatcher {
 public:
  // `machine` outlives this, and so does whatever boots it.
  LifeReader(const lnx::MachineDescription& machine, const LifeQuestion& question);
  ~LifeReader() override;

  // Boots like `pages`, and reads the life when that is done.
  PagesRunner runner(PolicyChoice policy);
  // After a boot that succeeded.
  const Life& life() const { return life_; }

  void after(memory::HandOverStep step, const PageLooker& look) override;
  void at_end(const PageLooker& look) override;

 private:
  void find_address(const memory::EarlySystem& early);
  void read(const memory::EarlySystem& early, const EventLog& log, const BootReport& report);

  const lnx::MachineDescription& machine_;
  LifeQuestion question_;
  const memory::EarlySystem* early_ = nullptr;
  const lnx::KernelProfile* kernel_ = nullptr;
  bool is_found_ = false;  // the address is known, as far as it can be
  std::unique_ptr<AddressSpace> space_;
  std::optional<PhysAddr> at_;
  std::optional<memory::HandOverStep> given_by_;
  PageLook now_;
  Life life_;
};

}  // namespace quarry::cli
