#include "linux/kernel_structs.hpp"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fmt/format.h>
#include <libelf.h>

#include <algorithm>
#include <memory>

#include "linux/byte_reader.hpp"
#include "linux/struct_sizes.hpp"

namespace quarry::lnx {
namespace {

using namespace std::string_view_literals;

Problem malformed(std::string text) { return {ExitStatus::malformed_input, std::move(text)}; }

constexpr std::string_view kLacking =
    "no structure in it is one of a kernel: expected struct page, struct pglist_data and the like";

bool is_wanted(std::string_view structure) {
  const auto fields = size_fields();
  return !structure.empty() && std::any_of(fields.begin(), fields.end(), [&](const SizeField& field) {
    return field.structure == structure;
  });
}

std::size_t wanted_count() {
  const auto fields = size_fields();
  std::map<std::string_view, int> names;
  for (const SizeField& field : fields)
    if (!field.structure.empty()) ++names[field.structure];
  return names.size();
}

// The first of a name: drivers have structures of such names of their own, and the kernel's core is linked first.
void take(std::string_view name, std::uint64_t bytes, KernelStructs& structs) {
  if (bytes != 0 && is_wanted(name)) structs.bytes.try_emplace(std::string{name}, bytes);
}

// --- DWARF ---------------------------------------------------------------------------------------------------

struct Debugging {
  Elf* elf = nullptr;
  Dwarf* dwarf = nullptr;
  Debugging() = default;
  Debugging(const Debugging&) = delete;
  Debugging& operator=(const Debugging&) = delete;
  ~Debugging() {
    if (dwarf != nullptr) dwarf_end(dwarf);
    if (elf != nullptr) elf_end(elf);
  }
};

void take_entry(Dwarf_Die& entry, KernelStructs& structs) {
  if (dwarf_tag(&entry) != DW_TAG_structure_type) return;
  const char* const name = dwarf_diename(&entry);
  if (name == nullptr || !is_wanted(name) || dwarf_hasattr(&entry, DW_AT_byte_size) == 0) return;
  const int bytes = dwarf_bytesize(&entry);
  if (bytes > 0) take(name, static_cast<std::uint64_t>(bytes), structs);
}

void read_units(Dwarf* dwarf, std::uint64_t most_entries, KernelStructs& structs) {
  const std::size_t enough = wanted_count();
  Dwarf_CU* unit = nullptr;
  Dwarf_Die top, entry;
  std::uint64_t seen = 0;
  while (seen < most_entries && structs.bytes.size() < enough &&
         dwarf_get_units(dwarf, unit, &unit, nullptr, nullptr, &top, nullptr) == 0) {
    ++seen;
    if (dwarf_child(&top, &entry) != 0) continue;
    do take_entry(entry, structs);
    while (++seen < most_entries && dwarf_siblingof(&entry, &entry) == 0);
  }
}

}  // namespace

Expected<KernelStructs> structs_in_btf(std::span<const std::byte> bytes) {
  constexpr std::uint16_t magic = 0xeb9f;
  const auto first = ByteReader{bytes}.u16(0);
  if (first != magic)
    return malformed(fmt::format("no BTF: expected it to begin with {:#x}, or an ELF file", magic));
  if (bytes.size() > UINT32_MAX) return malformed("BTF of 4 GiB and more: expected a kernel's");
  libbpf_set_print(nullptr);  // what is wrong is said here
  const std::unique_ptr<btf, decltype(&btf__free)> read{
      btf__new(bytes.data(), static_cast<std::uint32_t>(bytes.size())), &btf__free};
  if (read == nullptr)
    return malformed("BTF that is damaged, or of a later kind: expected all of a kernel's");
  KernelStructs structs;
  structs.from = "BTF";
  for (std::uint32_t id = 1; id < btf__type_cnt(read.get()); ++id) {
    const btf_type* const type = btf__type_by_id(read.get(), id);
    if (!btf_is_struct(type)) continue;
    const char* const name = btf__name_by_offset(read.get(), type->name_off);
    if (name != nullptr) take(name, type->size, structs);
  }
  if (structs.bytes.empty()) return malformed(fmt::format("BTF, but {}", kLacking));
  return structs;
}

Expected<KernelStructs> structs_in_dwarf(std::span<const std::byte> elf) {
  elf_version(EV_CURRENT);
  Debugging debugging;
  // libelf takes bytes that it may change, and changes none of a file that is only read.
  auto* const bytes =
      const_cast<char*>(text_of(elf).data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  debugging.elf = elf_memory(bytes, elf.size());
  if (debugging.elf != nullptr) debugging.dwarf = dwarf_begin_elf(debugging.elf, DWARF_C_READ, nullptr);
  if (debugging.dwarf == nullptr)
    return malformed("neither BTF nor debugging information in it: expected .BTF or .debug_info");
  constexpr std::uint64_t spare = 1u << 20;
  KernelStructs structs;
  structs.from = "DWARF";
  read_units(debugging.dwarf, elf.size() + spare, structs);
  if (structs.bytes.empty()) return malformed(fmt::format("debugging information, but {}", kLacking));
  return structs;
}

KernelStructs structs_in_image(std::span<const std::byte> image) {
  constexpr std::string_view begins =
      "\x9f\xeb\x01\0\x18\0\0\0"sv;  // magic, version, flags, length of the header
  constexpr unsigned most_tried = 16;
  constexpr std::uint64_t header = 24;
  const ByteReader reader{image};
  const std::string_view text = text_of(image);
  std::size_t at = text.find(begins);
  for (unsigned tried = 0; tried < most_tried && at != std::string_view::npos; ++tried) {
    const auto types = reader.u32(at + 8), type_bytes = reader.u32(at + 12), names = reader.u32(at + 16),
               name_bytes = reader.u32(at + 20);
    if (types && type_bytes && names && name_bytes) {
      const std::uint64_t size =
          header + std::max(std::uint64_t{*types} + *type_bytes, std::uint64_t{*names} + *name_bytes);
      if (const auto part = reader.part(at, size))
        if (auto structs = structs_in_btf(*part)) return *std::move(structs);
    }
    at = text.find(begins, at + 1);
  }
  return {};
}

}  // namespace quarry::lnx
