// cli/shell.hpp: the commands of `quarry shell`, on a machine that is up.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "cli/shell_console.hpp"
#include "cli/shell_machine.hpp"
#include "cli/shell_steps.hpp"
#include "quarry/view/mem_info.hpp"

namespace quarry::cli {

class Shell {
 public:
  using Words = std::vector<std::string>;

  // All that is given outlives this. From here on the shell moves pages for the machine.
  Shell(ShellMachine& machine, Console& console, StepTeller& teller);

  // Reads lines until there are no more, or one says quit.
  void run();
  // A line was not understood; a law of the memory system is broken.
  bool has_bad_lines() const { return has_bad_lines_; }
  bool has_findings() const { return has_findings_; }

  static std::vector<std::string> complete(const Words& words, const std::string& begin);

 private:
  struct Command {
    const char* name;
    const char* arguments;
    const char* about;
    void (Shell::*run)(const Words& words);
    std::size_t least, most;  // arguments
  };
  static std::span<const Command> commands();
  static const Command& find(const std::string& name);

  // A block that this shell has.
  struct Held {
    Order order{0};
    page::MigrateType type = page::MigrateType::unmovable;
  };

  bool execute(const std::string& line);  // false: it was the last
  void say(const std::string& line) {
    teller_.rest();
    console_.write(line + "\n");
  }
  void complain(const char* text) {
    teller_.rest();
    console_.complain(text);
  }

  // shell_pages.cpp
  void alloc_pages(const Words& words);
  void free_pages(const Words& words);
  void alloc_bulk(const Words& words);
  void alloc_exact(const Words& words);
  void free_exact(const Words& words);
  void free_all(const Words& words);
  void kmalloc(const Words& words);
  void kfree(const Words& words);
  void isolate(const Words& words);
  void undo_isolation(const Words& words);
  void alloc_range(const Words& words);
  void free_range(const Words& words);
  void drain(const Words& words);
  void cpu(const Words& words);
  void held(const Words& words);
  void hand_out(Pfn page, Order order, page::MigrateType type);
  bool forget(Pfn page);
  [[noreturn]] void refuse_request(Order order, const buddy::Request& request, const std::string& what);
  [[noreturn]] void refuse_free(Pfn page, Error error);
  PfnRange range_of(const Words& words) const;
  bool move(Pfn from, Pfn to, Order order);
  std::string place_of(Pfn page) const;

  // shell_views.cpp
  void buddyinfo(const Words& words);
  void pagetypeinfo(const Words& words);
  void zoneinfo(const Words& words);
  void slabinfo(const Words& words);
  void extfrag(const Words& words);
  void unusable(const Words& words);
  void meminfo(const Words& words);
  void memblock(const Words& words);
  void iomem(const Words& words);
  void why(const Words& words);
  void page(const Words& words);
  void stats(const Words& words);
  void audit(const Words& words);
  void policy(const Words& words);
  void step(const Words& words);
  void help(const Words& words);
  void quit(const Words& words);
  std::vector<view::CountedZone> counted();
  std::vector<view::RefusingZone> refusing(const view::FailedRequest& failed);
  std::string explain(const view::FailedRequest& failed);

  ShellMachine& machine_;
  Console& console_;
  StepTeller& teller_;
  std::map<Pfn, Held> held_;
  std::map<std::uint64_t, std::uint64_t> objects_;  // by physical address: bytes asked for
  std::string failure_;                             // why the last refusal was one, as it was at that moment
  std::vector<std::vector<PageCount>> on_core_;     // of what counted() gave last
  bool is_over_ = false, has_bad_lines_ = false, has_findings_ = false;
};

}  // namespace quarry::cli
