// linux/test_kernels.hpp: kernels of a few kilobytes, for tests: files with the headers of real ones and nothing behind.
#pragma once

#include <zlib.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace quarry::lnx::testing {

using FileBytes = std::vector<std::byte>;

inline FileBytes bytes_of(std::string_view text) {
  const auto* const first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

// Grows with what is put into it.
struct Image {
  FileBytes bytes;

  void put(std::size_t at, std::string_view text) {
    if (bytes.size() < at + text.size()) bytes.resize(at + text.size());
    for (std::size_t i = 0; i < text.size(); ++i) bytes[at + i] = static_cast<std::byte>(text[i]);
  }
  void put(std::size_t at, std::span<const std::byte> some) {
    put(at, std::string_view{reinterpret_cast<const char*>(some.data()), some.size()});
  }
  void number(std::size_t at, std::uint64_t value, std::size_t size) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(value >> (8 * i));
    put(at, text);
  }
};

inline FileBytes gzip(std::span<const std::byte> bytes) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  FileBytes packed(bytes.size() + 4096), copy{bytes.begin(), bytes.end()};
  stream.next_in = reinterpret_cast<Bytef*>(copy.data());
  stream.avail_in = static_cast<uInt>(copy.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(packed.size() - stream.avail_out);
  deflateEnd(&stream);
  return packed;
}

struct TestSection {
  std::string name;
  std::uint64_t address, size;
  std::uint32_t type = 8, link = 0;  // NOBITS: no bytes in the file
  std::string content = {};
  std::uint64_t flags = 0;  // beside that it is loaded
};

struct TestElf {
  bool is_64bit = true;
  std::uint16_t machine = 62;
  std::vector<TestSection> sections;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> segments;  // virtual, physical; of 4 KiB
  std::string tail;                                               // behind the tables
};

// The section of names comes first, before those of `elf`.
inline FileBytes make_elf(const TestElf& elf) {
  const std::size_t word = elf.is_64bit ? 8 : 4, header = elf.is_64bit ? 64 : 52;
  const std::size_t section_bytes = elf.is_64bit ? 64 : 40, segment_bytes = elf.is_64bit ? 56 : 32;
  const std::size_t segments_at = header, sections_at = segments_at + elf.segments.size() * segment_bytes;
  std::vector<TestSection> sections{{".shstrtab", 0, 0, 3, 0, std::string(1, '\0')}};
  sections.insert(sections.end(), elf.sections.begin(), elf.sections.end());
  std::vector<std::size_t> names;
  std::string& text = sections[0].content;
  for (const TestSection& section : sections) {
    names.push_back(text.size());
    text += section.name + '\0';
  }
  Image image;
  image.put(0, std::string{"\x7f"} + "ELF" + (elf.is_64bit ? '\2' : '\1') + "\1\1");
  image.number(0x12, elf.machine, 2);
  image.number(elf.is_64bit ? 0x20 : 0x1c, segments_at, word);
  image.number(elf.is_64bit ? 0x28 : 0x20, sections_at, word);
  const std::size_t counts = elf.is_64bit ? 0x36 : 0x2a;
  for (const auto& [at, value] : {std::pair{0u, segment_bytes},
                                  {2u, elf.segments.size()},
                                  {4u, section_bytes},
                                  {6u, sections.size()},
                                  {8u, std::size_t{0}}})
    image.number(counts + at, value, 2);
  for (std::size_t i = 0; i < elf.segments.size(); ++i) {
    const std::size_t at = segments_at + i * segment_bytes;
    image.number(at, 1, 4);
    image.number(elf.is_64bit ? at + 0x10 : at + 8, elf.segments[i].first, word);
    image.number(elf.is_64bit ? at + 0x18 : at + 12, elf.segments[i].second, word);
    image.number(elf.is_64bit ? at + 0x28 : at + 0x14, 0x1000, word);
    image.number(at + segment_bytes - word, 0x1000, word);
  }
  std::size_t content_at = sections_at + sections.size() * section_bytes;
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const TestSection& section = sections[i];
    const std::size_t at = sections_at + i * section_bytes;
    image.number(at, names[i], 4);
    image.number(at + 4, section.type, 4);
    image.number(at + 8, section.flags | (section.address != 0 || section.type == 8 ? 2u : 0u), word);
    image.number(at + 8 + word, section.address, word);
    image.number(at + 8 + 2 * word, content_at, word);
    image.number(at + 8 + 3 * word, section.content.empty() ? section.size : section.content.size(), word);
    image.number(at + 8 + 4 * word, section.link, 4);
    image.number(at + section_bytes - word, 0, word);
    image.put(content_at, section.content);
    content_at += section.content.size();
  }
  image.put(content_at, elf.tail);
  return image.bytes;
}

// The layout of a small x86_64 kernel, as its stripped vmlinux tells.
inline TestElf x86_elf() {
  constexpr std::uint64_t text = 0xffffffff81000000;
  return {.sections = {{".text", text, 0x1ef2},
                       {".rodata", text + 0x200000, 0x1001},
                       {".data", text + 0x400000, 0x5e00},
                       {".data..percpu", 0, 0x34000},
                       {".init.text", text + 0x480000, 0x3850},
                       {".init.data", text + 0x490000, 0x1234},
                       {".smp_locks", text + 0x4a0000, 0x8001},
                       {".bss", text + 0x500000, 0x10000},
                       {".brk", text + 0x510000, 0x30000}},
          .segments = {{text, 0x1000000}, {0, 0x1450000}},
          .tail = "Linux version 6.1.0-99-test (someone) #1"};
}

// A bzImage around some payload.
inline FileBytes make_bzimage(std::span<const std::byte> payload) {
  Image image;
  constexpr std::size_t setup_sectors = 4, offset = 0x40;
  image.number(0x1f1, setup_sectors, 1);
  image.number(0x1fe, 0xaa55, 2);
  image.put(0x202, "HdrS");
  image.number(0x206, 0x20f, 2);
  image.number(0x248, offset, 4);
  image.number(0x24c, payload.size(), 4);
  image.put((setup_sectors + 1) * 512 + offset, payload);
  return image.bytes;
}

// An arm64 Image of that many bytes in memory, and its UEFI header.
inline FileBytes make_arm64_image(std::uint64_t image_size) {
  Image image;
  image.put(0, "MZ");
  image.number(0x10, image_size, 8);
  image.number(0x18, 0xa, 8);
  image.put(0x38, "ARMd");
  image.number(0x3c, 0x40, 4);
  image.put(0x40, std::string_view{"PE\0\0", 4});
  image.number(0x46, 2, 2);
  image.number(0x54, 0xa0, 2);
  constexpr std::size_t sections = 0x40 + 24 + 0xa0;
  image.put(sections, ".text");
  image.number(sections + 8, image_size / 2, 4);
  image.number(sections + 12, 0x10000, 4);
  image.number(sections + 16, image_size / 2, 4);
  image.put(sections + 40, ".data");
  image.number(sections + 48, image_size / 4, 4);
  image.number(sections + 52, image_size / 2, 4);
  image.number(sections + 56, image_size / 8, 4);
  image.put(image_size / 2, "Linux version 6.1.0-99-test (someone) #1");
  return image.bytes;
}

// A zImage whose payload unpacks to `kernel`, with the table that tells of the bss.
inline FileBytes make_zimage(std::span<const std::byte> kernel, std::uint32_t bss) {
  const FileBytes payload = gzip(kernel);
  constexpr std::size_t payload_at = 0x200, table = 0x80;
  Image image;
  image.put(payload_at, payload);
  image.number(payload_at + payload.size(), 0, 4);
  image.number(0x24, 0x016f2818, 4);
  image.number(0x2c, image.bytes.size(), 4);
  image.number(0x34, 0x45454545, 4);
  image.number(0x38, table, 4);
  image.number(table, 5, 4);
  image.number(table + 4, 0x5a534c4b, 4);
  image.number(table + 8, payload_at + payload.size() - 4, 4);
  image.number(table + 12, bss, 4);
  image.number(table + 16, 0x208000, 4);
  return image.bytes;
}

inline std::string x86_system_map() {
  return "0000000000000000 D __per_cpu_start\n0000000000035000 D __per_cpu_end\nffffffff81000000 T _text\n"
         "ffffffff81000000 T _stext\nffffffff81000060 T secondary_startup_64\nffffffff81e00000 T _etext\n"
         "ffffffff82000000 R __start_rodata\nffffffff82400000 R __end_rodata\nffffffff82a00000 D _sdata\n"
         "ffffffff82c00000 D _edata\nffffffff83000000 D __init_begin\nffffffff83200000 D __init_end\n"
         "ffffffff83200000 R __smp_locks\nffffffff83208000 R __smp_locks_end\nffffffff83400000 B "
         "__bss_start\n"
         "ffffffff83600000 B __bss_stop\nffffffff83600000 B __brk_base\nffffffff83630000 B __brk_limit\n"
         "ffffffff83630000 B _end\n";
}

}  // namespace quarry::lnx::testing
