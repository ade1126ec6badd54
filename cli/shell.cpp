#include "cli/shell.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/shell_words.hpp"
#include "cli/text.hpp"

namespace quarry::cli {

std::span<const Shell::Command> Shell::commands() {
  constexpr std::size_t any = 16;
  static constexpr Command all[] = {
      {"alloc_pages",
       "ORDER [TYPE] [node=N] [this_node] [zone=dma|dma32|normal|highmem|movable]\n"
       "            [high|atomic|unlimited] [no_wait|fast_only]",
       "hand out a block of 2^ORDER pages", &Shell::alloc_pages, 1, any},
      {"free_pages", "PFN [ORDER]", "take a block back", &Shell::free_pages, 1, 2},
      {"alloc_bulk", "COUNT [as alloc_pages]", "hand out single pages", &Shell::alloc_bulk, 1, any},
      {"alloc_exact", "COUNT [as alloc_pages]", "hand out pages in a row", &Shell::alloc_exact, 1, any},
      {"free_exact", "PFN COUNT", "take pages in a row back", &Shell::free_exact, 2, 2},
      {"free_all", "", "take back all blocks handed out here", &Shell::free_all, 0, 0},
      {"held", "", "what was handed out here", &Shell::held, 0, 0},
      {"kmalloc", "SIZE [node=N]", "hand out memory of any size", &Shell::kmalloc, 1, 2},
      {"kfree", "ADDR", "take such memory back", &Shell::kfree, 1, 1},
      {"drain", "[CPU]", "give what CPUs keep back to the zones", &Shell::drain, 0, 1},
      {"cpu", "[CPU]", "which CPU asks", &Shell::cpu, 0, 1},
      {"isolate", "PFN COUNT", "set whole pageblocks apart", &Shell::isolate, 2, 2},
      {"undo_isolation", "PFN COUNT [TYPE]", "put them back to use", &Shell::undo_isolation, 2, 3},
      {"alloc_range", "PFN COUNT [TYPE]", "hand out exactly these pages", &Shell::alloc_range, 2, 3},
      {"free_range", "PFN COUNT", "take them back", &Shell::free_range, 2, 2},
      {"step", "[on|off]", "tell and draw each split, merge, refill", &Shell::step, 0, 1},
      {"why", "", "why the last request or free was refused", &Shell::why, 0, 0},
      {"page", "PFN", "what a page is", &Shell::page, 1, 1},
      {"buddyinfo", "", "free blocks by order", &Shell::buddyinfo, 0, 0},
      {"pagetypeinfo", "", "the same by migrate type", &Shell::pagetypeinfo, 0, 0},
      {"zoneinfo", "", "watermarks, reserves, what CPUs keep", &Shell::zoneinfo, 0, 0},
      {"slabinfo", "", "caches", &Shell::slabinfo, 0, 0},
      {"extfrag", "", "fails for lack of memory (0), or pieces (1)", &Shell::extfrag, 0, 0},
      {"unusable", "", "share of free memory of no use to an order", &Shell::unusable, 0, 0},
      {"meminfo", "", "all zones, as Linux shows them in trouble", &Shell::meminfo, 0, 0},
      {"memblock", "", "the boot-time allocator's regions", &Shell::memblock, 0, 0},
      {"iomem", "", "who owns which addresses", &Shell::iomem, 0, 0},
      {"stats", "", "counters of each zone", &Shell::stats, 0, 0},
      {"policy", "", "how blocks are chosen; the geometry", &Shell::policy, 0, 0},
      {"audit", "", "try every law of the memory system", &Shell::audit, 0, 0},
      {"help", "[COMMAND]", "this list, or more of one command", &Shell::help, 0, 1},
      {"quit", "", "leave", &Shell::quit, 0, 0},
  };
  return all;
}

Shell::Shell(ShellMachine& machine, Console& console, StepTeller& teller)
    : machine_{machine}, console_{console}, teller_{teller} {
  machine.set_mover({this, [](void* self, Pfn from, Pfn to, Order order) noexcept {
                       return static_cast<Shell*>(self)->move(from, to, order);
                     }});
  teller.start(
      console.style(), [this](const std::string& text) { console_.write(text); },
      [this](std::uint32_t index) {
        const zones::Zone& zone = machine_.early().layout().zones[index];
        return fmt::format("node {} {}", static_cast<unsigned>(zone.node),
                           to_string(zones::name_of(zone.type)));
      });
}

const Shell::Command& Shell::find(const std::string& name) {
  for (const Command& command : commands())
    if (name == command.name || (name == "exit" && std::string_view{command.name} == "quit")) return command;
  throw BadLine{fmt::format("{}: there is no such command; 'help' lists them", name)};
}

bool Shell::execute(const std::string& line) {
  const Words words = words_of_line(line);
  if (words.empty()) return true;
  try {
    const Command& command = find(words[0]);
    const std::size_t arguments = words.size() - 1;
    if (arguments < command.least || arguments > command.most) {
      std::string_view expected = command.arguments;
      expected = expected.substr(0, expected.find('\n'));
      throw BadLine{expected.empty() ? fmt::format("{}: expected nothing behind it", command.name)
                                     : fmt::format("{}: expected {}", command.name, expected)};
    }
    (this->*command.run)(words);
  } catch (const BadLine& bad) {
    has_bad_lines_ = true;
    complain(bad.what());
  } catch (const Refusal& refused) {
    complain(refused.what());
  }
  teller_.rest();
  return !is_over_;
}

void Shell::run() {
  if (console_.is_terminal())
    say("'help' lists the commands, Tab completes, 'step' draws what happens; quit or Ctrl-D ends");
  while (const auto line = console_.next())
    if (!execute(*line)) break;
}

void Shell::help(const Words& words) {
  if (words.size() > 1) {
    const Command& command = find(words[1]);
    say(fmt::format("{} {}\n  {}", command.name, command.arguments, command.about));
    if (words[1] == "alloc_pages")
      say("  TYPE is unmovable (the default), movable or reclaimable; zone= is the highest zone allowed");
    return;
  }
  for (const Command& command : commands()) {
    std::string_view arguments = command.arguments;
    if (arguments.size() > 24) arguments = "ORDER [TYPE] [more]";
    say(fmt::format("  {:<36} {}", fmt::format("{} {}", command.name, arguments), command.about));
  }
}

void Shell::quit(const Words&) { is_over_ = true; }

std::vector<std::string> Shell::complete(const Words& words, const std::string& begin) {
  std::vector<std::string> candidates;
  const auto offer = [&](std::string_view word) {
    if (word.starts_with(begin)) candidates.emplace_back(word);
  };
  const std::string command = words.empty() ? std::string{} : words[0];
  if (words.empty() || (command == "help" && words.size() == 1)) {
    for (const Command& known : commands()) offer(known.name);
  } else if (command.starts_with("alloc_") && command != "alloc_range" && words.size() > 1) {
    for (const auto& word : request_words()) offer(word);
  } else if ((command == "undo_isolation" || command == "alloc_range") && words.size() == 3) {
    for (const char* const word : {"unmovable", "movable", "reclaimable", "cma"}) offer(word);
  } else if (command == "step" && words.size() == 1) {
    for (const char* const word : {"on", "off"}) offer(word);
  }
  return candidates;
}

}  // namespace quarry::cli
