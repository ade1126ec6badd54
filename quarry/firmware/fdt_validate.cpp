#include "quarry/firmware/fdt.hpp"
#include "quarry/firmware/fdt_tokens.hpp"

namespace quarry::firmware {

namespace t = fdt_tokens;

// The one walk that may fail. What it promises is that no later walk can leave the blob.
class FdtValidator {
 public:
  explicit FdtValidator(ByteView bytes) noexcept : bytes_{bytes} {}

  Result<Fdt> run(FdtFault& fault) noexcept {
    Fdt tree;
    if (header(tree) && reservations(tree) && structure(tree)) return tree;
    fault = fault_;
    return fault_.error;
  }

 private:
  // Source    Devicetree Specification v0.4, section 5.2: ten big-endian words, the last since version 17.
  static constexpr std::uint32_t kMagic = 0xd00dfeed;
  static constexpr std::size_t kTotalSize = 4, kStructOffset = 8, kStringsOffset = 12, kReserveOffset = 16,
                               kVersion = 20, kCompatible = 24, kBootCpu = 28, kStringsSize = 32,
                               kStructSize = 36, kHeader16 = 36, kHeader17 = 40;

  bool fail(std::size_t offset, TextView what, Error error = Error::bad_table) noexcept {
    fault_ = {error, offset, what};
    return false;
  }
  std::size_t word(std::size_t offset) const noexcept { return load_be<std::uint32_t>(bytes_, offset); }

  bool header(Fdt& tree) noexcept {
    if (bytes_.size() < 8) return fail(bytes_.size(), "no room for a header", Error::truncated_table);
    if (word(0) != kMagic) return fail(0, "no magic number");
    const std::size_t total = word(kTotalSize);
    if (total < kHeader16) return fail(kTotalSize, "total size below a header's");
    if (total > bytes_.size())
      return fail(kTotalSize, "total size above the bytes that there are", Error::truncated_table);
    bytes_ = bytes_.first(total);
    const std::size_t version = word(kVersion);
    if (version < 16) return fail(kVersion, "version below 16");
    if (word(kCompatible) > 17) return fail(kCompatible, "not compatible with version 17");
    const bool sized = version >= 17;
    const std::size_t own = sized ? kHeader17 : kHeader16;
    if (total < own) return fail(kTotalSize, "total size below a header's");

    const std::size_t strings = word(kStringsOffset);
    if (strings < own || !holds(bytes_, strings, word(kStringsSize)))
      return fail(kStringsOffset, "strings block outside the tree");
    const std::size_t from = word(kStructOffset);
    if (from < own || from > total) return fail(kStructOffset, "structure block outside the tree");
    if ((from & 3) != 0) return fail(kStructOffset, "structure block at no multiple of 4");
    // Version 16 does not say how long the block is: it ends where the next one begins.
    const std::size_t size = sized ? word(kStructSize) : (strings > from ? strings : total) - from;
    if (!holds(bytes_, from, size)) return fail(kStructSize, "structure block outside the tree");

    own_ = own;
    base_ = from;
    tree.bytes_ = bytes_;
    tree.blocks_ = {bytes_.subspan(from, size), bytes_.subspan(strings, word(kStringsSize))};
    tree.version_ = static_cast<unsigned>(version);
    tree.boot_cpu_ = static_cast<std::uint32_t>(word(kBootCpu));
    return true;
  }

  bool reservations(Fdt& tree) noexcept {
    const std::size_t first = word(kReserveOffset);
    if (first < own_ || first > bytes_.size())
      return fail(kReserveOffset, "memory reservation block outside the tree");
    if ((first & 7) != 0) return fail(kReserveOffset, "memory reservation block at no multiple of 8");
    for (std::size_t at = first;; at += FdtReservations::kEntryBytes) {
      if (!holds(bytes_, at, FdtReservations::kEntryBytes))
        return fail(at, "memory reservation block without an end");
      if (load_be<std::uint64_t>(bytes_, at + 8) != 0) continue;
      tree.reservations_ = bytes_.subspan(first, at - first);
      return true;
    }
  }

  bool structure(Fdt& tree) noexcept {
    const ByteView block = tree.blocks_.structure;
    std::size_t depth = 0;
    bool rooted = false, children = false;  // of the node at hand: whether properties may still come
    for (std::size_t at = 0;;) {
      if (!holds(block, at, 4)) return fail(base_ + block.size(), "structure block without an end");
      switch (t::token(block, at)) {
        case t::kNop:
          if (rooted && depth == 0) return fail(base_ + at, "a token between the root's end and the tree's");
          break;
        case t::kBeginNode:
          if (rooted && depth == 0) return fail(base_ + at, "a second root");
          if (!named(block, at)) return false;
          if (!rooted && t::text_at(block, at + 4).size() != 0) return fail(base_ + at, "a root with a name");
          if (!rooted) tree.root_ = at;
          rooted = true;
          ++depth;
          children = false;
          break;
        case t::kEndNode:
          if (depth == 0) return fail(base_ + at, "a node ends that did not begin");
          --depth;
          children = true;
          break;
        case t::kProp:
          if (depth == 0) return fail(base_ + at, "a property outside the root");
          if (children) return fail(base_ + at, "a property after a child");
          if (!property(tree.blocks_, at)) return false;
          break;
        case t::kEnd:
          if (!rooted) return fail(base_ + at, "no root");
          if (depth != 0) return fail(base_ + at, "the tree ends inside a node");
          return true;
        default: return fail(base_ + at, "unknown token");
      }
      at = t::after(block, at);
    }
  }

  bool named(ByteView block, std::size_t at) noexcept {
    const TextView name = t::text_at(block, at + 4);
    return at + 4 + name.size() < block.size() || fail(base_ + at, "a node's name without an end");
  }

  bool property(const FdtBlocks& blocks, std::size_t at) noexcept {
    if (!holds(blocks.structure, at, t::kPropHeader)) return fail(base_ + at, "a property without a header");
    const std::uint32_t size = load_be<std::uint32_t>(blocks.structure, at + 4);
    if (!holds(blocks.structure, at + t::kPropHeader, size))
      return fail(base_ + at + 4, "a property that ends outside the block");
    const std::uint32_t name = load_be<std::uint32_t>(blocks.structure, at + 8);
    if (name >= blocks.strings.size() ||
        name + t::text_at(blocks.strings, name).size() == blocks.strings.size())
      return fail(base_ + at + 8, "a property's name outside the strings block");
    return true;
  }

  ByteView bytes_;
  std::size_t own_ = 0;   // bytes of the header
  std::size_t base_ = 0;  // where the structure block begins
  FdtFault fault_{Error::bad_table, 0, ""};
};

Result<Fdt> Fdt::from(ByteView bytes, FdtFault* fault) noexcept {
  FdtFault ignored{Error::bad_table, 0, ""};
  return FdtValidator{bytes}.run(fault != nullptr ? *fault : ignored);
}

}  // namespace quarry::firmware
