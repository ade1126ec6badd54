#include "shell/shell.hpp"

namespace quarry::shell {
namespace {

// A table's words in columns. Where they are too long, what may be left out is.
void put_usage(TextSink& out, TextView name, TextView arguments, std::size_t width) noexcept {
  const TextView dots = name.size() + 1 + arguments.size() < width ? TextView{} : TextView{"[...]"};
  if (!dots.empty()) arguments = arguments.part(0, arguments.find('['));
  out.put(name).put(' ').put(arguments).put(dots);
  const std::size_t size = name.size() + 1 + arguments.size() + dots.size();
  if (size < width) out.repeat(' ', width - size);
}

template <std::size_t N>
void offer_all(const char* const (&words)[N], TextView begin, const Offers& offers) noexcept {
  for (const TextView word : words)
    if (word.starts_with(begin)) offers.offer(offers.self, word);
}

}  // namespace

std::span<const Shell::Command> Shell::commands() noexcept {
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
      {"free_all", "", "take back all that was handed out here", &Shell::free_all, 0, 0},
      {"held", "", "what was handed out here", &Shell::held, 0, 0},
      {"kmalloc", "SIZE [reclaimable] [node=N]", "hand out memory of any size", &Shell::kmalloc, 1, any},
      {"kzalloc", "SIZE [reclaimable] [node=N]", "the same, zeroed", &Shell::kzalloc, 1, any},
      {"krealloc", "ADDR SIZE", "make it larger, moving it if need be", &Shell::krealloc, 2, 2},
      {"kfree", "ADDR", "take memory or an object back", &Shell::kfree, 1, 1},
      {"ksize", "ADDR", "how much of it may be used", &Shell::ksize, 1, 1},
      {"kmem_cache_create",
       "NAME SIZE [align=N] [hwcache_align] [reclaim|dma] [account]\n"
       "            [typesafe_by_rcu] [nomerge]",
       "make a cache of objects of one size", &Shell::kmem_cache_create, 2, any},
      {"kmem_cache_destroy", "NAME", "unmake it; tells what is still in use", &Shell::kmem_cache_destroy, 1,
       1},
      {"kmem_cache_alloc", "NAME [COUNT] [node=N]", "hand out objects", &Shell::kmem_cache_alloc, 1, any},
      {"kmem_cache_free", "[NAME] [ADDR...]", "take objects back, or all of NAME", &Shell::kmem_cache_free, 1,
       any},
      {"kmem_cache_shrink", "[NAME]", "give what nobody uses back", &Shell::kmem_cache_shrink, 0, 1},
      {"vmalloc", "BYTES [node=N] [nohuge]", "hand out memory in one piece of addresses", &Shell::vmalloc, 1,
       any},
      {"vzalloc", "BYTES [node=N] [nohuge]", "the same, zeroed", &Shell::vzalloc, 1, any},
      {"vfree", "ADDR", "take it back", &Shell::vfree, 1, 1},
      {"vmap", "PFN...", "show pages in one piece of addresses", &Shell::vmap, 1, any},
      {"vunmap", "ADDR", "end that", &Shell::vunmap, 1, 1},
      {"ioremap", "PHYS BYTES", "show a device's registers", &Shell::ioremap, 2, 2},
      {"iounmap", "ADDR", "end that", &Shell::iounmap, 1, 1},
      {"purge", "", "unmap what was given back", &Shell::purge, 0, 0},
      {"translate", "ADDR", "where an address leads", &Shell::translate, 1, 1},
      {"vmallocinfo", "", "areas, as /proc/vmallocinfo has them", &Shell::vmallocinfo, 0, 0},
      {"drain", "[CPU]", "give what CPUs keep back to the zones", &Shell::drain, 0, 1},
      {"cpu", "[CPU]", "which CPU asks", &Shell::cpu, 0, 1},
      {"isolate", "PFN COUNT", "set whole pageblocks apart", &Shell::isolate, 2, 2},
      {"undo_isolation", "PFN COUNT [TYPE]", "put them back to use", &Shell::undo_isolation, 2, 3},
      {"alloc_range", "PFN COUNT [TYPE]", "hand out exactly these pages", &Shell::alloc_range, 2, 3},
      {"free_range", "PFN COUNT", "take them back", &Shell::free_range, 2, 2},
      {"cma", "", "the contiguous areas", &Shell::cma, 0, 0},
      {"cma_alloc", "AREA COUNT [ALIGN]", "hand out a run at a multiple of 2^ALIGN", &Shell::cma_alloc, 2, 3},
      {"cma_release", "AREA PFN COUNT", "take it back", &Shell::cma_release, 3, 3},
      {"step", "[on|off]", "tell and draw each split, merge, refill", &Shell::step, 0, 1},
      {"why", "", "why the last request or free was refused", &Shell::why, 0, 0},
      {"page", "PFN", "what a page is", &Shell::page, 1, 1},
      {"buddyinfo", "", "free blocks by order", &Shell::buddyinfo, 0, 0},
      {"pagetypeinfo", "", "the same by migrate type", &Shell::pagetypeinfo, 0, 0},
      {"zoneinfo", "", "watermarks, reserves, what CPUs keep", &Shell::zoneinfo, 0, 0},
      {"slabinfo", "", "caches, as /proc/slabinfo has them", &Shell::slabinfo, 0, 0},
      {"slabtop", "[ROUNDS]", "the largest caches, live while they work", &Shell::slabtop, 0, 1},
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

Shell::Shell(Machine& machine, Console& console, StepTeller& teller, const Memory& memory,
             AddressSpace* addresses) noexcept
    : machine_{machine},
      addresses_{addresses},
      console_{console},
      teller_{teller},
      granted_{memory},
      memory_{this,
              [](void* self, std::size_t bytes) noexcept {
                auto& me = *static_cast<Shell*>(self);
                const bool was_on = me.teller_.is_on();
                me.teller_.set_on(false);
                std::byte* const granted = me.granted_.take(me.granted_.self, bytes);
                me.teller_.set_on(was_on);
                return granted;
              },
              [](void* self, std::byte* taken, std::size_t bytes) noexcept {
                auto& me = *static_cast<Shell*>(self);
                const bool was_on = me.teller_.is_on();
                me.teller_.set_on(false);
                me.granted_.give_back(me.granted_.self, taken, bytes);
                me.teller_.set_on(was_on);
              }},
      style_{console.style()},
      held_{memory_},
      objects_{memory_},
      areas_{memory_},
      made_{memory_},
      failure_{memory_},
      counted_{memory_},
      on_core_{memory_},
      refusing_{memory_},
      caches_{memory_} {
  // Views and explanations are wanted most when the machine has nothing left to show them with.
  const std::size_t zones = populated();
  if (!counted_.fresh(zones) || !on_core_.fresh(zones * machine.core_count()) || !refusing_.fresh(zones) ||
      !failure_.make_room())
    counted_.give_back(), on_core_.give_back(), refusing_.give_back();
  machine.set_mover({this, [](void* self, Pfn from, Pfn to, Order order) noexcept {
                       return static_cast<Shell*>(self)->move(from, to, order);
                     }});
  teller.start(console, {this, [](void* self, TextSink& out, std::uint32_t index) noexcept {
                           const auto& layout = static_cast<Shell*>(self)->machine_.early().layout();
                           const zones::Zone& zone = layout.zones[index];
                           out.put("node ").dec(static_cast<unsigned>(zone.node)).put(' ');
                           out.put(zones::name_of(zone.type));
                         }});
}

Shell::~Shell() {
  forget_caches();
  machine_.set_mover({});
}

const Shell::Command* Shell::find(TextView name) noexcept {
  for (const Command& command : commands())
    if (name == command.name || (name == "exit" && TextView{command.name} == "quit")) return &command;
  return nullptr;
}

void Shell::unknown_command(TextView name) noexcept {
  bad_line()->put(name).put(": there is no such command; 'help' lists them");
}

void Shell::no_memory_to_note() noexcept {
  refuse()->put("there is no memory to note what would be handed out");
}

bool Shell::execute(TextView line) noexcept {
  const Words words{line};
  if (words.empty()) return true;
  const Command* const command = find(words[0]);
  const std::size_t arguments = words.size() - 1;
  if (command == nullptr) {
    unknown_command(words[0]);
  } else if (arguments < command->least || arguments > command->most) {
    TextView expected = command->arguments;
    expected = expected.part(0, expected.find('\n'));
    bad_line()->put(command->name).put(": expected ").put(expected.empty() ? "nothing behind it" : expected);
  } else {
    (this->*command->run)(words);
  }
  teller_.rest();
  return !is_over_;
}

void Shell::run() noexcept {
  if (console_.is_terminal())
    say()->put("'help' lists the commands, Tab completes, 'step' draws what happens; quit or Ctrl-D ends");
  while (const auto line = console_.next())
    if (!execute(*line)) break;
}

void Shell::help(const Words& words) noexcept {
  if (words.size() > 1) {
    const Command* const command = find(words[1]);
    if (command == nullptr) return unknown_command(words[1]);
    say()->put(command->name).put(' ').put(command->arguments).put("\n  ").put(command->about);
    if (words[1] == "alloc_pages")
      say()->put(
          "  TYPE is unmovable (the default), movable or reclaimable; zone= is the highest zone allowed");
    if (words[1] == "kmem_cache_create")
      say()->put(
          "  SIZE and align= are bytes; a cache like one that is there becomes one with it, unless nomerge "
          "says "
          "no");
    if (words[1] == "slabtop")
      say()->put(
          "  on a terminal, again and again until a key is pressed or ROUNDS are over; between two pictures "
          "kmalloc and the\n  caches made here are put to use. Once, with nothing touched, where ROUNDS is 1 "
          "or "
          "nobody looks");
    return;
  }
  for (const Command& command : commands()) {
    Line line = say();
    put_usage(line->put("  "), command.name, command.arguments, 36);
    line->put(' ').put(command.about);
  }
}

void Shell::quit(const Words&) noexcept { is_over_ = true; }

void Shell::complete(const Words& words, TextView begin, const Offers& offers) noexcept {
  const TextView command = words.empty() ? TextView{} : words[0];
  if (words.empty() || (command == "help" && words.size() == 1)) {
    for (const Command& known : commands())
      if (TextView{known.name}.starts_with(begin)) offers.offer(offers.self, known.name);
  } else if (command.starts_with("alloc_") && command != "alloc_range" && words.size() > 1) {
    for (std::size_t i = 0; !request_word(i).empty(); ++i)
      if (request_word(i).starts_with(begin)) offers.offer(offers.self, request_word(i));
  } else if (command == "kmem_cache_create" && words.size() > 2) {
    offer_all({"align=", "hwcache_align", "reclaim", "dma", "account", "typesafe_by_rcu", "nomerge"}, begin,
              offers);
  } else if ((command == "undo_isolation" || command == "alloc_range") && words.size() == 3) {
    offer_all({"unmovable", "movable", "reclaimable", "cma"}, begin, offers);
  } else if (command == "step" && words.size() == 1) {
    offer_all({"on", "off"}, begin, offers);
  }
}

}  // namespace quarry::shell
