// linux/kernel_sections.hpp: the link addresses of a kernel, from the sections and segments of its ELF file.
#pragma once

#include <span>
#include <string_view>

#include "linux/kernel_facts.hpp"

namespace quarry::lnx {

struct Section {
  std::string_view name;
  std::uint32_t name_at = 0, type = 0;
  std::uint64_t flags = 0, address = 0, offset = 0, size = 0;
  std::uint32_t link = 0;
};

// What is loaded.
struct Segment {
  std::uint64_t address = 0, physical = 0, size = 0;
};

struct ElfLayout {
  std::span<const Section> sections;
  std::span<const Segment> segments;
};

// Takes what the layout of an image of facts.arch tells: where linker scripts put symbols relative to sections.
// What it does not tell stays as it is.
void take_sections(const ElfLayout& layout, KernelFacts& facts);

}  // namespace quarry::lnx
