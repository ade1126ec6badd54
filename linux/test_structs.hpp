// linux/test_structs.hpp: what compilers note of structures, for tests: BTF and DWARF of a few bytes.
#pragma once

#include "linux/test_kernels.hpp"

namespace quarry::lnx::testing {

struct NamedStruct {
  std::string name;
  std::uint32_t bytes;
};

// Structures without members, as BTF notes them.
inline FileBytes make_btf(const std::vector<NamedStruct>& structs) {
  constexpr std::size_t header = 24, type_bytes = 12;
  constexpr std::uint32_t structure = 4;
  std::string names(1, '\0');
  Image image;
  for (std::size_t i = 0; i < structs.size(); ++i) {
    const std::size_t at = header + i * type_bytes;
    image.number(at, names.size(), 4);
    image.number(at + 4, structure << 24, 4);
    image.number(at + 8, structs[i].bytes, 4);
    names += structs[i].name + '\0';
  }
  image.number(0, 0xeb9f, 2);
  image.number(2, 1, 2);
  image.number(4, header, 4);
  image.number(8, 0, 4);
  image.number(12, structs.size() * type_bytes, 4);
  image.number(16, structs.size() * type_bytes, 4);
  image.number(20, names.size(), 4);
  image.put(header + structs.size() * type_bytes, names);
  return image.bytes;
}

inline std::string text_in(const FileBytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The sections of one unit that has these structures, of DWARF 2 to 5.
inline std::vector<TestSection> make_dwarf(unsigned version, const std::vector<NamedStruct>& structs) {
  constexpr std::uint32_t progbits = 1;
  // 1: DW_TAG_compile_unit with children. 2: DW_TAG_structure_type with a name in place and a size of four bytes.
  const std::string abbreviations{"\x01\x11\x01\0\0\x02\x13\0\x03\x08\x0b\x06\0\0\0", 15};
  Image unit;
  unit.number(0, version, 2);
  if (version >= 5) {
    unit.number(2, 0x0801, 2);  // a unit that is compiled, addresses of 8 bytes
    unit.number(4, 0, 4);
  } else {
    unit.number(2, 0, 4);
    unit.number(6, 8, 1);
  }
  unit.number(unit.bytes.size(), 1, 1);
  for (const NamedStruct& known : structs) {
    unit.number(unit.bytes.size(), 2, 1);
    unit.put(unit.bytes.size(), known.name + '\0');
    unit.number(unit.bytes.size(), known.bytes, 4);
  }
  unit.number(unit.bytes.size(), 0, 1);
  Image info;
  info.number(0, unit.bytes.size(), 4);
  info.put(4, unit.bytes);
  return {{".debug_info", 0, 0, progbits, 0, text_in(info.bytes)},
          {".debug_abbrev", 0, 0, progbits, 0, abbreviations}};
}

}  // namespace quarry::lnx::testing
