#include "quarry/firmware/atags.hpp"

namespace quarry::firmware {
namespace {

constexpr std::uint32_t kNone = 0, kCore = 0x54410001, kMem = 0x54410002, kRevision = 0x54410007,
                        kCmdline = 0x54410009, kInitrd2 = 0x54420005;
constexpr std::size_t kHeaderBytes = 8;

struct Tag {
  std::uint32_t kind;
  ByteView body;
};

// The tag at `at`, and `at` moved past it. A tag says its length in words, its header included; the
// end says 0, or nothing of interest.
Result<Tag> next_tag(ByteView bytes, std::size_t& at) noexcept {
  if (!holds(bytes, at, kHeaderBytes)) return Error::truncated_table;
  const Tag header{load_le<std::uint32_t>(bytes, at + 4), {}};
  const std::uint64_t size = std::uint64_t{load_le<std::uint32_t>(bytes, at)} * 4;
  if (header.kind == kNone) {
    at += kHeaderBytes;
    return header;
  }
  if (size < kHeaderBytes) return Error::bad_table;
  if (!holds(bytes, at, size)) return Error::truncated_table;
  const ByteView body = bytes.subspan(at + kHeaderBytes, static_cast<std::size_t>(size) - kHeaderBytes);
  at += static_cast<std::size_t>(size);
  return Tag{header.kind, body};
}

constexpr std::size_t least_bytes(std::uint32_t kind) noexcept {
  if (kind == kMem || kind == kInitrd2) return 8;
  return kind == kRevision ? 4 : 0;
}

AtagMemory initrd_of(ByteView body) noexcept {
  return {PhysAddr{load_le<std::uint32_t>(body, 0)}, Bytes{load_le<std::uint32_t>(body, 4)}};
}
// The other way round: the size comes first.
AtagMemory bank_of(ByteView body) noexcept {
  return {PhysAddr{load_le<std::uint32_t>(body, 4)}, Bytes{load_le<std::uint32_t>(body, 0)}};
}

TextView line_of(ByteView body) noexcept {
  const TextView all{reinterpret_cast<const char*>(body.data()), body.size()};
  return all.part(0, all.find('\0'));
}

}  // namespace

Result<Atags> Atags::from(ByteView bytes, Table<AtagMemory>& out) noexcept {
  Atags said;
  std::size_t at = 0;
  for (bool first = true;; first = false) {
    const auto next = next_tag(bytes, at);
    if (!next) return next.error();
    const Tag& tag = next.value();
    if (first && tag.kind != kCore) return Error::bad_table;
    if (tag.kind == kNone) break;
    if (tag.body.size() < least_bytes(tag.kind)) return Error::bad_table;
    switch (tag.kind) {
      case kCore:
        if (tag.body.size() >= 12) said.page_size = load_le<std::uint32_t>(tag.body, 4);
        break;
      case kMem: ++said.banks; break;
      case kRevision: said.revision = load_le<std::uint32_t>(tag.body, 0); break;
      case kCmdline: said.command_line = line_of(tag.body); break;
      case kInitrd2: said.initrd = initrd_of(tag.body); break;
      default: break;
    }
  }
  said.bytes = at;
  if (said.banks > out.capacity() - out.size()) return Error::no_room;
  for (at = 0; at < said.bytes;) {
    const Tag tag = next_tag(bytes, at).value();
    if (tag.kind == kMem) check(static_cast<bool>(out.push(bank_of(tag.body))), "the room was counted");
  }
  return said;
}

}  // namespace quarry::firmware
