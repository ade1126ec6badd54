#include "cli/picture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "cli/sizes.hpp"
#include "cli/zone_notes.hpp"

namespace quarry::cli {
namespace {

using Kind = MapPiece::Kind;
constexpr std::array kKinds = {Kind::free,     Kind::kernel,      Kind::initrd,    Kind::tree,
                               Kind::firmware, Kind::descriptors, Kind::node_data, Kind::page_tables,
                               Kind::cma,      Kind::crashkernel, Kind::nomap,     Kind::reserved,
                               Kind::other};
constexpr std::size_t kRows = 16;  // that a picture has at most, holes apart
constexpr std::uint64_t kLeastCell = 4096;
constexpr std::size_t kMargin = 2, kLegend = 15, kNotes = 14, kMostColumns = 64, kFewestColumns = 16;

// A run of memory without a hole that would show: what one block of rows draws. Addresses are inclusive, so
// that the last byte of the address space is one.
struct Run {
  std::uint64_t first, last;
};

std::vector<Run> runs_of(const std::vector<MapPiece>& pieces, std::uint64_t row) {
  std::vector<Run> runs;
  for (const auto& piece : pieces) {
    if (!runs.empty() && piece.range.begin - runs.back().last <= row)
      runs.back().last = piece.range.end - 1;
    else
      runs.push_back({piece.range.begin, piece.range.end - 1});
  }
  return runs;
}

// The smallest power of two whose rows are not too many.
std::uint64_t choose_cell(const std::vector<MapPiece>& pieces, std::size_t columns) {
  const std::uint64_t largest = (std::uint64_t{1} << 63) / columns;
  std::uint64_t cell = kLeastCell;
  for (; cell < largest; cell *= 2) {
    const std::uint64_t row = cell * columns;
    std::uint64_t rows = 0;
    for (const Run run : runs_of(pieces, row)) rows += run.last / row - run.first / row + 1;
    if (rows <= kRows) break;
  }
  return cell;
}

// What fills a stretch of memory.
struct Filling {
  Kind kind = Kind::free;
  bool is_blank = true;   // no RAM at all
  bool is_partly = true;  // less than half of it is of that kind
  bool is_free() const { return kind == Kind::free; }
};

class Painter {
 public:
  Painter(const BootReport& report, const TextStyle& style) : report_{report}, style_{style} {
    std::uint64_t last = 0;
    for (const auto& piece : report.pieces) last = std::max(last, piece.range.end - 1);
    digits_ = std::max<std::size_t>(8, (static_cast<std::size_t>(std::bit_width(last)) + 3) / 4);
    const std::size_t cells_at = kMargin + 2 + digits_ + 2;
    const std::size_t beside = cells_at + 2 + kNotes;
    const auto fitting = [&](std::size_t used) { return style.width > used ? style.width - used : 0; };
    legend_is_right_ = fitting(beside + 2 + kLegend) >= 2 * kFewestColumns;
    const std::size_t room = fitting(beside + (legend_is_right_ ? 2 + kLegend : 0));
    columns_ = std::clamp(std::bit_floor(room), kFewestColumns, kMostColumns);
    notes_ = kNotes + (room > columns_ ? room - columns_ : 0);
    indent_ = cells_at;
    cell_ = choose_cell(report.pieces, columns_);
  }

  std::string draw() {
    const std::uint64_t row = cell_ * columns_;
    std::uint64_t before = 0;  // the last address drawn
    for (const Run run : runs_of(report_.pieces, row)) {
      if (run.first - before > row) hole(run.first - before - (before == 0 ? 0 : 1));
      for (std::uint64_t at = run.first / row; at <= run.last / row; ++at) draw_row(at, run);
      before = run.last;
    }
    return with_legend();
  }

 private:
  // A line and how wide it is on the screen.
  struct Line {
    std::string text;
    std::size_t width;
  };

  void hole(std::uint64_t bytes) {
    const std::string dash = style_.unicode ? "╌╌╌" : "---";
    const std::string words = fmt::format(" no RAM for {} ", human_size(bytes));
    lines_.push_back(
        {std::string(indent_, ' ') + style_.in(Ink::faint, dash + words + dash), indent_ + words.size() + 6});
  }

  void draw_row(std::uint64_t number, Run run) {
    const std::uint64_t base = number * columns_ * cell_;
    std::string text = std::string(kMargin, ' ');
    text += style_.in(Ink::faint, fmt::format("{:#0{}x}", base, digits_ + 2)) + "  ";
    std::size_t drawn = 0;
    for (; drawn < columns_; ++drawn) {
      const std::uint64_t first = base + drawn * cell_;
      if (first > run.last) break;
      text += draw_cell(first);
    }
    std::size_t width = indent_ + drawn;
    const std::uint64_t last = base + (columns_ * cell_ - 1);
    if (const std::string notes = zones_that_begin(report_, base, last, notes_); !notes.empty()) {
      text += std::string(columns_ - drawn + 2, ' ') + style_.in(Ink::faint, notes);
      width = indent_ + columns_ + 2 + notes.size();
    }
    lines_.push_back({std::move(text), width});
  }

  // Counts from the piece that the last call ended in: addresses only ascend.
  Filling fill_of(std::uint64_t first, std::uint64_t bytes) {
    const std::uint64_t last = first + (bytes - 1);
    const auto& pieces = report_.pieces;
    while (next_ < pieces.size() && pieces[next_].range.end - 1 < first) ++next_;
    std::array<std::uint64_t, kKinds.size()> filled{};
    for (std::size_t i = next_; i < pieces.size() && pieces[i].range.begin <= last; ++i) {
      const Span range = pieces[i].range;
      filled[static_cast<std::size_t>(pieces[i].kind)] +=
          std::min(range.end - 1, last) - std::max(range.begin, first) + 1;
    }
    const std::uint64_t free = filled[static_cast<std::size_t>(Kind::free)];
    filled[static_cast<std::size_t>(Kind::free)] = 0;
    const auto largest = std::max_element(filled.begin(), filled.end());
    // A trace of something among free memory would hide how much is free.
    constexpr std::uint64_t trace = 16;
    const bool is_free = free > *largest && *largest < bytes / trace;
    Filling filling;
    filling.is_blank = free == 0 && *largest == 0;
    if (!is_free && *largest != 0) filling.kind = static_cast<Kind>(largest - filled.begin());
    filling.is_partly = (filling.is_free() ? free : *largest) < bytes / 2;
    if (!filling.is_blank) used_[static_cast<std::size_t>(filling.kind)] = true;
    return filling;
  }

  std::string draw_cell(std::uint64_t first) {
    if (!style_.colour || !style_.unicode) {
      const Filling whole = fill_of(first, cell_);
      if (whole.is_blank) return " ";
      const Look look = look_of(whole.kind);
      return style_.in(look.ink, std::string_view{&look.letter, 1});
    }
    const Filling left = fill_of(first, cell_ / 2), right = fill_of(first + cell_ / 2, cell_ / 2);
    if (left.is_blank && right.is_blank) return " ";
    if ((left.is_blank || left.is_free()) && (right.is_blank || right.is_free()))
      return style_.in(look_of(Kind::free).ink, "·");
    const Ink left_ink = look_of(left.kind).ink, right_ink = look_of(right.kind).ink;
    if (left.is_blank || left.is_free()) return style_.in(right_ink, "▐");
    if (right.is_blank || right.is_free()) return style_.in(left_ink, "▌");
    if (left.kind != right.kind) return style_.in(left_ink, right_ink, "▌");
    return style_.in(left_ink, left.is_partly && right.is_partly ? "▄" : "█");
  }

  std::vector<Line> legend() const {
    const std::string scale = "cell = " + human_size(cell_);
    std::vector<Line> lines{{style_.in(Ink::faint, scale), scale.size()}};
    const bool blocks = style_.colour && style_.unicode;
    for (const Kind kind : kKinds) {
      if (!used_[static_cast<std::size_t>(kind)]) continue;
      const Look look = look_of(kind);
      const std::string mark = !blocks ? std::string(1, look.letter) : kind == Kind::free ? "·" : "█";
      lines.push_back({style_.in(look.ink, mark) + " " + look.name, 2 + std::string_view{look.name}.size()});
    }
    return lines;
  }

  std::string with_legend() const {
    const std::vector<Line> entries = legend();
    std::string text;
    std::size_t widest = indent_ + columns_ + 2;
    for (const Line& line : lines_) widest = std::max(widest, line.width);
    const std::size_t column = widest + 3;
    const std::size_t count = std::max(lines_.size(), legend_is_right_ ? entries.size() : 0);
    for (std::size_t i = 0; i < count; ++i) {
      const Line line = i < lines_.size() ? lines_[i] : Line{"", 0};
      text += line.text;
      if (legend_is_right_ && i < entries.size())
        text += std::string(column > line.width ? column - line.width : 1, ' ') + entries[i].text;
      text += "\n";
    }
    return legend_is_right_ ? text : text + in_lines(entries);
  }

  std::string in_lines(const std::vector<Line>& entries) const {
    std::string text;
    std::size_t width = 0;
    for (const Line& entry : entries) {
      if (width != 0 && width + 3 + entry.width > style_.width) text += "\n", width = 0;
      text += std::string(width == 0 ? kMargin : 3, ' ') + entry.text;
      width += (width == 0 ? kMargin : 3) + entry.width;
    }
    return text + "\n";
  }

  const BootReport& report_;
  const TextStyle& style_;
  std::size_t digits_ = 8, columns_ = kMostColumns, notes_ = kNotes, indent_ = 0, next_ = 0;
  bool legend_is_right_ = false;
  std::uint64_t cell_ = kLeastCell;
  std::array<bool, kKinds.size()> used_{};
  std::vector<Line> lines_;
};

}  // namespace

Look look_of(Kind kind) {
  switch (kind) {
    case Kind::free: return {'.', Ink::free, "free"};
    case Kind::kernel: return {'K', Ink::kernel, "kernel"};
    case Kind::initrd: return {'I', Ink::loaded, "initrd"};
    case Kind::tree: return {'T', Ink::loaded, "device tree"};
    case Kind::firmware: return {'F', Ink::firmware, "firmware"};
    case Kind::descriptors: return {'D', Ink::metadata, "descriptors"};
    case Kind::node_data: return {'N', Ink::tables, "node data"};
    case Kind::page_tables: return {'P', Ink::tables, "page tables"};
    case Kind::cma: return {'C', Ink::contiguous, "CMA"};
    case Kind::crashkernel: return {'X', Ink::crash, "crash kernel"};
    case Kind::nomap: return {'-', Ink::reserved, "not mapped"};
    case Kind::reserved: return {'R', Ink::reserved, "reserved"};
    case Kind::other: return {'O', Ink::unused, "not used"};
  }
  return {'?', Ink::plain, "?"};
}

std::string draw_map(const BootReport& report, const TextStyle& style) {
  if (report.pieces.empty()) return {};
  return Painter{report, style}.draw();
}

}  // namespace quarry::cli
