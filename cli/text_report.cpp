#include "cli/text_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <sstream>

#include "cli/bootmem_lines.hpp"
#include "cli/ledger_text.hpp"
#include "cli/lists.hpp"
#include "cli/picture.hpp"
#include "cli/sizes.hpp"
#include "cli/timeline.hpp"

namespace quarry::cli {
namespace {

using Stage = TextStyle::Stage;

TextStyle::Stage stage_of(ShownStage shown) {
  switch (shown) {
    case ShownStage::firmware: return Stage::firmware;
    case ShownStage::early: return Stage::early;
    case ShownStage::zones: return Stage::zones;
    case ShownStage::buddy: return Stage::buddy;
    case ShownStage::slab: return Stage::slab;
    case ShownStage::all: break;
  }
  return Stage::all;
}

class Writer {
 public:
  Writer(const BootReport& report, const TextStyle& style) : report_{report}, style_{style} {
    std::uint64_t last = 0;
    for (const auto& region : report.memory) last = std::max(last, region.range.end - 1);
    for (const auto& region : report.reserved) last = std::max(last, region.range.end - 1);
    digits_ = 2 + std::max<std::size_t>(8, (static_cast<std::size_t>(std::bit_width(last)) + 3) / 4);
  }

  std::string write() {
    if (style_.quiet) {
      text_ += ledger_text(report_, style_) + totals_text(report_, style_);
      return text_;
    }
    if (style_.stage == Stage::all) title();
    if (shows(Stage::firmware)) firmware();
    if (shows(Stage::early)) early();
    if (shows(Stage::zones)) zones();
    if (shows(Stage::buddy)) buddy();
    if (shows(Stage::slab)) slab();
    if (style_.stage == Stage::all) {
      if (!report_.address_space.empty()) address_space();
      section("where the RAM went");
      text_ += ledger_text(report_, style_) + totals_text(report_, style_);
      notes();
    }
    return text_;
  }

 private:
  using Lines = std::vector<std::string>;

  bool shows(Stage stage) const { return style_.stage == Stage::all || style_.stage == stage; }

  void section(std::string_view name) {
    const char* const dash = style_.unicode ? "─" : "-";
    std::string line = fmt::format("{0}{0} {1} ", dash, name);
    for (std::size_t i = 4 + name.size(); i < style_.width; ++i) line += dash;
    if (!text_.empty()) text_ += "\n";
    text_ += style_.in(Ink::heading, line) + "\n";
  }
  void heading(std::string_view name) { text_ += "\n" + style_.in(Ink::heading, name) + "\n"; }
  void list(const Lines& lines) { text_ += listed(lines, style_); }

  std::string kind_of_boot() const {
    return fmt::format("{}{}", report_.native ? "native" : "as Linux 6.1",
                       report_.bootmem ? ", with bootmem" : "");
  }

  void title() {
    const auto counted = [](std::uint64_t number, std::string_view what) {
      return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
    };
    Lines words{report_.source};
    for (std::string word :
         {report_.arch, human_size(report_.ram_bytes) + " RAM", counted(report_.nodes.size(), "node"),
          counted(report_.cpus, "CPU"), kind_of_boot()})
      words.push_back(std::move(word));
    const std::string_view dot = style_.unicode ? " · " : " | ";
    text_ += style_.in(Ink::heading, wrapped(words, dot, 2, style_.width)) + "\n";
    if (!report_.model.empty()) text_ += report_.model + "\n";
    if (!report_.cmdline.empty()) text_ += style_.in(Ink::faint, report_.cmdline) + "\n";
    for (const auto& source : report_.sources) text_ += style_.in(Ink::faint, source) + "\n";
    text_ += "\n" + draw_map(report_, style_);
  }

  void firmware() {
    section("firmware: what the machine says it has");
    Lines lines;
    for (const auto& entry : report_.firmware) {
      const std::string_view who = entry.source == "e820" ? std::string_view{"BIOS-e820"} : entry.source;
      lines.push_back(fmt::format("{}: [mem {:#018x}-{:#018x}] {}", who, entry.range.begin,
                                  entry.range.end - 1, entry.type));
    }
    list(lines);
    if (style_.verbose) {
      heading("steps of the boot flow");
      for (const auto& step : report_.steps) text_ += fmt::format("  {:34} {}\n", step.function, step.about);
    }
  }

  void early() {
    section(report_.bootmem ? "early: memblock, then bootmem, before the page allocator"
                            : "early: memblock before the page allocator");
    text_ += report_.texts.memblock;
    if (report_.bootmem) {
      heading("bootmem's bitmaps at the hand-over");
      list(bootmem_lines(*report_.bootmem, style_));
    }
    heading("who reserved it");
    Lines lines;
    for (const auto& region : report_.reserved)
      lines.push_back(range_line(region.range, region.owners.empty() ? Lines{"-"} : region.owners));
    list(lines);
    ranges("/reserved-memory", report_.reserved_memory,
           [](const ReservedNode& node) { return node.name + ": " + node.status; });
    if (!report_.texts.reserved_memory.empty()) {
      heading("what the kernel says of it");
      text_ += listed_text(report_.texts.reserved_memory, style_);
    }
    ranges("contiguous areas", report_.cma,
           [](const CmaEntry& area) { return area.name + (area.is_default ? " (default)" : ""); });
    if (report_.crashkernel.empty()) return;
    heading("crash kernel");
    for (const auto& range : report_.crashkernel) text_ += range_line(range, {"crashkernel"}) + "\n";
  }

  template <class Entry, class Words>
  void ranges(std::string_view name, const std::vector<Entry>& entries, Words words) {
    if (entries.empty()) return;
    heading(name);
    Lines lines;
    for (const Entry& entry : entries) lines.push_back(range_line(entry.range, {words(entry)}));
    list(lines);
  }

  // Names that are more than the line holds stand below each other.
  std::string range_line(Span range, const Lines& names) const {
    std::string line;
    if (range.size() == 0)
      line = fmt::format("  {:{}} {:>9}  ", "no memory", 2 * digits_ + 3, "");
    else
      line = fmt::format("  [{:#0{}x}-{:#0{}x}] {:>9}  ", range.begin, digits_, range.end - 1, digits_,
                         human_size(range.size()));
    return line + wrapped(names, ", ", line.size(), style_.width);
  }

  void zones() {
    section("zones: nodes, zones, and the order of asking");
    text_ += listed_text(report_.texts.zones, style_) + listed_text(report_.texts.zonelists, style_);
    text_ += listed_text(report_.texts.zonerefs, style_);
    if (report_.nodes.size() > 1) distances();
    heading("pages");
    const auto row = [](const auto&... columns) {
      return fmt::format("  {:>4} {:<8} {:>11} {:>11} {:>11} {:>11} {:>8} {:>7} {:>7} {:>7}", columns...);
    };
    text_ += style_.in(Ink::faint, row("node", "zone", "start_pfn", "spanned", "present", "managed", "cma",
                                       "min", "low", "high")) +
             "\n";
    Lines lines;
    for (const auto& node : report_.nodes)
      for (const auto& zone : node.zones)
        lines.push_back(row(node.id, zone.name, zone.start_pfn, zone.spanned_pages, zone.present_pages,
                            zone.managed_pages, zone.cma_pages, zone.min_pages, zone.low_pages,
                            zone.high_pages));
    list(lines);
    if (!report_.texts.sections.empty()) text_ += "\n" + listed_text(report_.texts.sections, style_);
    if (style_.verbose || style_.stage == Stage::zones) {
      heading("/proc/zoneinfo");
      text_ += report_.texts.zoneinfo;
    }
    heading("/proc/iomem");
    list(lines_of(report_.texts.iomem));
  }

  void distances() {
    heading("distances");
    // A machine with more nodes than fit on a line has its matrix in the JSON.
    if (report_.nodes.size() * 4 + 12 > style_.width) {
      text_ +=
          fmt::format("  {0} by {0}: too wide for this line, --format json has them\n", report_.nodes.size());
      return;
    }
    for (const auto& node : report_.nodes) {
      text_ += fmt::format("  node {:>3}:", node.id);
      for (const unsigned distance : node.distances) text_ += fmt::format(" {:>3}", distance);
      text_ += "\n";
    }
  }

  void buddy() {
    section("buddy: free pages by order");
    text_ += report_.texts.memory_line;
    heading("hand-over, step by step (pages)");
    list(timeline_lines(report_.timeline, style_));
    heading("/proc/buddyinfo");
    text_ += listed_text(report_.texts.buddyinfo, style_);
    heading("/proc/pagetypeinfo");
    text_ += listed_text(report_.texts.pagetypeinfo, style_);
  }

  void slab() {
    section("slab: kmem_cache and kmalloc");
    caches();
    heading("/proc/meminfo, of that");
    text_ += report_.texts.slab_memory;
    heading("put to use");
    for (const auto& done : report_.exercises) {
      const bool fit = done.outcome == "ok";
      text_ += fmt::format("  {:38} {:>8} operations  {}\n", done.what, grouped(done.operations),
                           style_.in(fit ? Ink::free : Ink::warning, done.outcome));
    }
  }

  // Caches without a slab, and columns that are the same in each, are for those who ask for them.
  void caches() {
    const bool all = style_.verbose || style_.stage == Stage::slab;
    heading(all ? "/proc/slabinfo" : "/proc/slabinfo (empty caches and constant columns: -v)");
    Lines lines;
    for (const auto& line : lines_of(report_.texts.slabinfo)) {
      const std::size_t constant = line.find(" : tunables");
      std::istringstream words{line};
      std::string name, active, objects;
      words >> name >> active >> objects;
      if (all || constant == line.npos)
        lines.push_back(line);
      else if (objects != "0")
        lines.push_back(line.substr(0, constant));
    }
    for (const auto& line : lines) text_ += line + "\n";
  }

  // Each part with its share of what is the kernel's; holes are left out, what is the user's has no bar.
  void address_space() {
    section("address space: where the kernel sees it (nokaslr)");
    const bool is_wide = report_.address_space.back().last > 0xffff'ffff;
    const std::size_t digits = is_wide ? 18 : 10;
    const std::size_t fixed = 2 + 2 * digits + 3 + 2 + 8 + 2 + 10 + 2;
    const std::size_t room = style_.width > fixed + 8 ? style_.width - fixed : 0;
    const auto size_of = [](const AddressSpacePart& part) { return part.last - part.first + 1; };
    std::uint64_t most = 1;
    for (const auto& part : report_.address_space)
      if (part.name != "user" && part.name != "hole") most = std::max(most, size_of(part));
    Lines lines;
    for (const auto& part : report_.address_space) {
      if (part.name == "hole") continue;
      std::string line = fmt::format("  {:#0{}x} - {:#0{}x}  {:>8}  {:<10}", part.first, digits, part.last,
                                     digits, human_size(size_of(part)),
                                     part.is == AddressSpacePart::Is::inside ? " " + part.name : part.name);
      if (std::string drawn =
              part.name == "user" ? "" : bar(size_of(part), most, room, Ink::metadata, style_);
          !drawn.empty())
        line += "  " + std::move(drawn);
      while (line.back() == ' ') line.pop_back();
      lines.push_back(std::move(line));
    }
    list(lines);
  }

  void notes() {
    if (report_.notes.empty()) return;
    heading("notes");
    Lines lines;
    for (const auto& note : report_.notes) lines.push_back("  " + note);
    list(lines);
  }

  const BootReport& report_;
  const TextStyle& style_;
  std::size_t digits_ = 10;  // of an address, with its 0x
  std::string text_;
};

}  // namespace

TextStyle text_style(const BootOptions& options) {
  TextStyle style;
  const bool to_terminal = options.output_file.empty() && stdout_is_terminal();
  // https://no-color.org: set and not empty.
  const char* const no_colour = std::getenv("NO_COLOR");
  const bool wanted = to_terminal && (no_colour == nullptr || *no_colour == '\0');
  style.colour = options.colour == Colour::always || (options.colour == Colour::automatic && wanted);
  style.width = terminal_width();
  style.unicode = locale_is_utf8();
  style.quiet = options.verbosity == Verbosity::quiet;
  style.verbose = options.verbosity == Verbosity::verbose;
  style.stage = stage_of(options.stage);
  return style;
}

std::string to_text(const BootReport& report, const TextStyle& style) {
  return Writer{report, style}.write();
}

}  // namespace quarry::cli
