// Images that boot loaders load: formats of kernel_facts.hpp. Sources: Linux 6.1, Documentation/x86/boot.rst (bzImage),
// Documentation/arm64/booting.rst (Image), the header and table of arm's zImage as kexec-tools and U-Boot read them,
// Microsoft PE/COFF (the section table of Image).
#include <fmt/format.h>

#include <algorithm>

#include "linux/byte_reader.hpp"
#include "linux/kernel_facts.hpp"
#include "linux/unpack.hpp"

namespace quarry::lnx {
namespace {

using boot::Arch;
using namespace std::string_view_literals;

Problem malformed(std::string text) { return {ExitStatus::malformed_input, std::move(text)}; }

constexpr std::uint32_t kZImageMagic = 0x016f2818;

bool is_bzimage(const ByteReader& image) { return image.u16(0x1fe) == 0xaa55 && image.has(0x202, "HdrS"); }
bool is_arm64_image(const ByteReader& image) { return image.has(0x38, "ARMd"); }
bool is_zimage(const ByteReader& image) {
  return image.u32(0x24) == kZImageMagic || image.has(0x24, "\x01\x6f\x28\x18"sv);
}
bool is_zboot(const ByteReader& image) { return image.has(0, "MZ") && image.has(4, "zimg"); }
bool is_riscv_image(const ByteReader& image) {
  return image.has(0x30, "RISCV\0\0\0"sv) || image.has(0x38, "RSC\x05");
}

Expected<std::vector<std::byte>> unpack_payload(std::span<const std::byte> payload, std::string& format) {
  auto unpacked = unpack(payload);
  if (unpacked) format += fmt::format(" ({})", name_of(*packing_of(payload)));
  return unpacked;
}

// --- x86 -----------------------------------------------------------------------------------------------------

Expected<KernelFacts> read_bzimage(std::span<const std::byte> bytes) {
  const ByteReader image{bytes};
  const auto version = image.u16(0x206);
  constexpr std::uint16_t has_payload = 0x208;
  if (!version || *version < has_payload)
    return malformed(fmt::format("a bzImage of boot protocol {:#x} at offset 0x206: expected 2.08 or newer",
                                 version.value_or(0)));
  const std::uint64_t setup_sectors = image.part(0x1f1, 1) ? std::to_integer<unsigned>(bytes[0x1f1]) : 0;
  const auto offset = image.u32(0x248), length = image.u32(0x24c);
  if (!offset || !length)
    return malformed("a bzImage whose header breaks off: expected payload_offset at 0x248");
  constexpr std::uint64_t sector = 512, sectors_if_zero = 4;
  const std::uint64_t code = ((setup_sectors == 0 ? sectors_if_zero : setup_sectors) + 1) * sector;
  const auto payload = image.part(code + *offset, *length);
  if (!payload)
    return malformed(fmt::format("a bzImage that breaks off: expected {} bytes of payload at offset {:#x}",
                                 *length, code + *offset));
  std::string format = "a bzImage";
  const auto unpacked = unpack_payload(*payload, format);
  if (!unpacked) return malformed(fmt::format("the bzImage's payload: {}", unpacked.problem().text));
  auto facts = read_vmlinux(*unpacked);
  if (!facts) return malformed(fmt::format("the bzImage's payload: {}", facts.problem().text));
  facts->format = std::move(format);
  if (facts->release.empty())
    if (const auto at = image.u16(0x20e); at && *at != 0) {
      const std::string_view words = image.text(sector + *at, 256);
      facts->release = words.substr(0, words.find(' '));
    }
  return facts;
}

// --- arm64 ---------------------------------------------------------------------------------------------------

struct PeSection {
  std::uint64_t address = 0, size = 0, raw_size = 0;
};

// A section of the PE/COFF header that images with a UEFI stub have.
std::optional<PeSection> pe_section(const ByteReader& image, std::string_view name) {
  const auto header = image.u32(0x3c);
  if (!header || !image.has(*header, "PE\0\0"sv)) return std::nullopt;
  const std::uint64_t at = *header;
  const auto count = image.u16(at + 6), optional_bytes = image.u16(at + 20);
  if (!count || !optional_bytes) return std::nullopt;
  constexpr std::uint64_t entry_bytes = 40, header_bytes = 24;
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(*count, 16); ++i) {
    const std::uint64_t entry = at + header_bytes + *optional_bytes + i * entry_bytes;
    if (image.text(entry, 8) != name) continue;
    const auto size = image.u32(entry + 8), address = image.u32(entry + 12), raw = image.u32(entry + 16);
    if (size && address && raw) return PeSection{*address, *size, *raw};
  }
  return std::nullopt;
}

Expected<KernelFacts> read_arm64_image(std::span<const std::byte> bytes) {
  const ByteReader image{bytes};
  const auto text_offset = image.u64(8), image_size = image.u64(16), flags = image.u64(24);
  if (!text_offset || !image_size || !flags)
    return malformed("an arm64 Image whose header breaks off: expected 64 bytes");
  if ((*flags & 1) != 0) return malformed("an arm64 Image of a big-endian kernel: expected little-endian");
  constexpr std::uint64_t largest = std::uint64_t{1} << 30;
  if (*image_size == 0 || *image_size > largest)
    return malformed(
        fmt::format("an arm64 Image of image_size {:#x} at offset 0x10: expected up to 1 GiB", *image_size));
  if (bytes.size() < *image_size / 8)
    return malformed(fmt::format("an arm64 Image of {} bytes that breaks off: its header tells of {}",
                                 bytes.size(), *image_size));
  KernelFacts facts;
  facts.format = "an arm64 Image";
  facts.arch = Arch::arm64;
  constexpr unsigned page_shifts[] = {0, 12, 14, 16};
  facts.page_shift = page_shifts[(*flags >> 1) & 3];
  // Only distances matter; kernels of 48-bit addresses were linked here from 5.4 to 6.5.
  constexpr std::uint64_t link = 0xffff800008000000, first_segment = 0x10000;
  Symbols& symbols = facts.symbols;
  symbols.text = link;
  symbols.end = link + *image_size;
  const auto code = pe_section(image, ".text");
  symbols.stext = link + (code ? code->address : first_segment);
  if (const auto data = pe_section(image, ".data"); data && data->raw_size <= data->size)
    symbols.edata = link + data->address + data->raw_size;
  facts.release = banner_release(bytes);
  facts.config = embedded_config(bytes);
  facts.structs = structs_in_image(bytes);
  return facts;
}

// UEFI's self-unpacking image: "MZ", "zimg", offset and size of the payload.
Expected<KernelFacts> read_zboot(std::span<const std::byte> bytes) {
  const ByteReader image{bytes};
  const auto offset = image.u32(8), size = image.u32(12);
  const auto payload = offset && size ? image.part(*offset, *size) : std::nullopt;
  if (!payload)
    return malformed("a UEFI zboot image that breaks off: expected its payload, by offset 8 and 12");
  std::string format = "a zboot image";
  const auto unpacked = unpack_payload(*payload, format);
  if (!unpacked) return malformed(fmt::format("the image's payload: {}", unpacked.problem().text));
  if (!is_arm64_image(ByteReader{*unpacked}))
    return malformed("a zboot image whose payload is no arm64 Image: expected ARMd at its offset 0x38");
  auto facts = read_arm64_image(*unpacked);
  if (facts) facts->format = std::move(format);
  return facts;
}

// --- arm -----------------------------------------------------------------------------------------------------

// What the table behind the header says, in images since 4.14.
struct ZImageTable {
  std::uint64_t payload_end = 0, bss_bytes = 0, text_offset = 0;
};

std::optional<ZImageTable> read_zimage_table(const ByteReader& image) {
  constexpr std::uint32_t mark = 0x45454545, table_magic = 0x5a534c4b;
  if (image.u32(0x34) != mark) return std::nullopt;
  const auto at = image.u32(0x38);
  if (!at) return std::nullopt;
  // Length in words or the magic itself first: the tag is found by its magic.
  for (std::uint64_t entry = *at; entry < std::uint64_t{*at} + 64; entry += 4) {
    if (image.u32(entry) != table_magic) continue;
    const auto size_at = image.u32(entry + 4), bss = image.u32(entry + 8), offset = image.u32(entry + 12);
    if (!size_at || !bss || !offset) return std::nullopt;
    return ZImageTable{std::uint64_t{*size_at} + 4, *bss, *offset};
  }
  return std::nullopt;
}

// The packed kernel: where a packing's first bytes are, and unpack. Code before it may have such bytes by chance.
Expected<std::vector<std::byte>> unpack_zimage(std::span<const std::byte> bytes, std::uint64_t end,
                                               std::string& format) {
  constexpr std::size_t code_begins = 0x40, least_packed = 32, least = 4096;
  std::string why = "nothing in it is packed by gzip, xz, zstd or lz4";
  unsigned tried = 0;
  for (std::size_t at = code_begins; at + least_packed < end && tried < 16; ++at) {
    const auto rest = bytes.subspan(at, static_cast<std::size_t>(end) - at);
    const auto packing = packing_of(rest);
    if (!packing || *packing == Packing::lzma || *packing == Packing::bzip2) continue;
    ++tried;
    std::string packed = format;
    auto unpacked = unpack_payload(rest, packed);
    if (unpacked && unpacked->size() > least) {
      format = packed;
      return unpacked;
    }
    if (!unpacked) why = unpacked.problem().text;
  }
  return malformed(fmt::format("the zImage's payload: {}", why));
}

Expected<KernelFacts> read_zimage(std::span<const std::byte> bytes) {
  const ByteReader image{bytes};
  if (image.u32(0x24) != kZImageMagic)
    return malformed("a zImage of a big-endian kernel: expected a little-endian one");
  const auto begin = image.u32(0x28), end = image.u32(0x2c);
  if (!begin || !end || *end <= *begin || *end - *begin > bytes.size())
    return malformed(fmt::format(
        "a zImage that breaks off: expected {} bytes, as its header says at offset 0x2c", end.value_or(0)));
  const auto table = read_zimage_table(image);
  const std::uint64_t payload_end =
      table && table->payload_end <= bytes.size() ? table->payload_end : bytes.size();
  KernelFacts facts;
  facts.format = "a zImage";
  facts.arch = Arch::arm;
  facts.image_bytes = Bytes{bytes.size()};
  const auto unpacked = unpack_zimage(bytes, payload_end, facts.format);
  if (!unpacked) return unpacked.problem();
  // The raw image begins with _text and ends with the data; only distances matter.
  constexpr std::uint64_t link = 0xc0000000, usual_offset = 0x8000, most_offset = 0x1000000;
  const std::uint64_t offset = table && table->text_offset < most_offset ? table->text_offset : usual_offset;
  facts.symbols.text = facts.symbols.stext = link + offset;
  facts.symbols.edata = facts.symbols.bss_start = facts.symbols.text + unpacked->size();
  facts.symbols.bss_stop = facts.symbols.end =
      facts.symbols.edata + (table && table->bss_bytes < most_offset * 16 ? table->bss_bytes : 0);
  facts.release = banner_release(*unpacked);
  facts.config = embedded_config(*unpacked);
  facts.structs = structs_in_image(*unpacked);
  return facts;
}

}  // namespace

bool is_boot_image(std::span<const std::byte> bytes) {
  const ByteReader image{bytes};
  return is_bzimage(image) || is_arm64_image(image) || is_zimage(image) || is_zboot(image) ||
         is_riscv_image(image);
}

Expected<KernelFacts> read_boot_image(std::span<const std::byte> bytes) {
  const ByteReader image{bytes};
  if (is_bzimage(image)) return read_bzimage(bytes);
  if (is_arm64_image(image)) return read_arm64_image(bytes);
  if (is_zboot(image)) return read_zboot(bytes);
  if (is_riscv_image(image))
    return malformed(
        "an Image of riscv64, which says nothing of its parts: expected its System.map or vmlinux");
  return read_zimage(bytes);
}

std::string banner_release(std::span<const std::byte> bytes) {
  constexpr std::string_view words = "Linux version ";
  constexpr std::size_t longest = 64;
  const std::string_view text = text_of(bytes);
  for (std::size_t at = text.find(words); at != std::string_view::npos; at = text.find(words, at + 1)) {
    const std::string_view rest = text.substr(at + words.size(), longest);
    const std::string_view release = rest.substr(0, rest.find(' '));
    const auto is_fine = [](char c) { return c > ' ' && c < '\x7f'; };
    if (release.size() < rest.size() && !release.empty() && release[0] >= '0' && release[0] <= '9' &&
        std::all_of(release.begin(), release.end(), is_fine))
      return std::string{release};
  }
  return {};
}

std::optional<KernelConfig> embedded_config(std::span<const std::byte> bytes) {
  constexpr std::string_view first = "IKCFG_ST";
  constexpr std::size_t most = std::size_t{4} << 20;
  const std::string_view text = text_of(bytes);
  for (std::size_t at = text.find(first); at != std::string_view::npos; at = text.find(first, at + 1)) {
    const auto packed = bytes.subspan(at + first.size());
    if (packing_of(packed) != Packing::gzip) continue;
    const auto unpacked = unpack(packed, most);
    if (!unpacked) continue;
    auto config = read_kernel_config(text_of(*unpacked));
    if (config) return *std::move(config);
  }
  return std::nullopt;
}

}  // namespace quarry::lnx
