#include "quarry/firmware/fdt.hpp"

#include "quarry/firmware/fdt_tokens.hpp"

namespace quarry::firmware {

namespace t = fdt_tokens;

namespace {

TextView characters(ByteView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool equal_but_for_case(TextView a, TextView b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

// From any token inside a node: the first that begins a child or ends the node.
std::size_t skip_properties(ByteView structure, std::size_t at) noexcept {
  for (;;) {
    const std::uint32_t token = t::token(structure, at);
    if (token != t::kProp && token != t::kNop) return at;
    at = t::after(structure, at);
  }
}

std::size_t skip_nops(ByteView structure, std::size_t at) noexcept {
  while (t::token(structure, at) == t::kNop) at += 4;
  return at;
}

// From the beginning of a node: what comes after its end.
std::size_t skip_subtree(ByteView structure, std::size_t at) noexcept {
  std::size_t depth = 0;
  do {
    const std::uint32_t token = t::token(structure, at);
    if (token == t::kBeginNode) ++depth;
    if (token == t::kEndNode) --depth;
    at = t::after(structure, at);
  } while (depth != 0);
  return at;
}

}  // namespace

// ---- Properties -------------------------------------------------------------------------------------

Result<std::uint32_t> FdtProperty::u32() const noexcept {
  if (bytes_.size() < 4) return Error::truncated_table;
  return load_be<std::uint32_t>(bytes_, 0);
}

Result<std::uint64_t> FdtProperty::u64() const noexcept {
  if (bytes_.size() < 8) return Error::truncated_table;
  return load_be<std::uint64_t>(bytes_, 0);
}

Result<std::uint64_t> FdtProperty::cells(std::size_t first, std::size_t count) const noexcept {
  if (count == 0 || count > 4) return Error::bad_argument;
  if (first > bytes_.size() || !holds(bytes_, std::uint64_t{first} * 4, std::uint64_t{count} * 4))
    return Error::truncated_table;
  const FdtNumber number = read_cells(bytes_, first * 4, static_cast<std::uint32_t>(count));
  if (!number.fits) return Error::overflow;
  return number.value;
}

TextView FdtProperty::text() const noexcept { return t::text_at(bytes_, 0); }

std::optional<TextView> FdtProperty::text(std::size_t at) const noexcept {
  for (TextView rest = characters(bytes_); !rest.empty();) {
    const std::size_t end = rest.find('\0');
    if (at-- == 0) return rest.part(0, end);
    rest = rest.part(end + 1);
  }
  return std::nullopt;
}

bool FdtProperty::lists(TextView wanted) const noexcept {
  for (TextView rest = characters(bytes_); !rest.empty();) {
    const std::size_t end = rest.find('\0');
    if (rest.part(0, end) == wanted) return true;
    rest = rest.part(end + 1);
  }
  return false;
}

FdtProperties::Iterator::Iterator(const FdtBlocks& blocks, std::size_t at) noexcept
    : blocks_{blocks}, at_{skip_nops(blocks.structure, at)} {}

FdtProperty FdtProperties::Iterator::operator*() const noexcept {
  const ByteView block = blocks_.structure;
  const std::uint32_t size = load_be<std::uint32_t>(block, at_ + 4);
  const std::uint32_t name = load_be<std::uint32_t>(block, at_ + 8);
  return {t::text_at(blocks_.strings, name), block.subspan(at_ + t::kPropHeader, size)};
}

FdtProperties::Iterator& FdtProperties::Iterator::operator++() noexcept {
  at_ = skip_nops(blocks_.structure, t::after(blocks_.structure, at_));
  return *this;
}

bool FdtProperties::Iterator::operator==(FdtEnd) const noexcept {
  return t::token(blocks_.structure, at_) != t::kProp;
}

// ---- Nodes ------------------------------------------------------------------------------------------

TextView FdtNode::name() const noexcept { return t::text_at(blocks_.structure, at_ + 4); }

TextView FdtNode::base_name() const noexcept {
  const TextView whole = name();
  return whole.part(0, whole.find('@'));
}

TextView FdtNode::unit_address() const noexcept {
  const TextView whole = name();
  return whole.part(whole.find('@') + 1);
}

FdtProperties FdtNode::properties() const noexcept { return {blocks_, t::after(blocks_.structure, at_)}; }

FdtChildren FdtNode::children() const noexcept { return {blocks_, t::after(blocks_.structure, at_)}; }

std::optional<FdtProperty> FdtNode::property(TextView name) const noexcept {
  for (const FdtProperty found : properties())
    if (found.name() == name) return found;
  return std::nullopt;
}

std::optional<FdtNode> FdtNode::child(TextView name) const noexcept {
  const bool addressed = name.find('@') < name.size();
  for (const FdtNode found : children())
    if ((addressed ? found.name() : found.base_name()) == name) return found;
  return std::nullopt;
}

bool FdtNode::available() const noexcept {
  const auto status = property("status");
  return !status || status->text() == "okay" || status->text() == "ok";
}

bool FdtNode::compatible_with(TextView wanted) const noexcept {
  const auto list = property("compatible");
  if (!list) return false;
  for (TextView rest = characters(list->bytes()); !rest.empty();) {
    const std::size_t end = rest.find('\0');
    if (equal_but_for_case(rest.part(0, end), wanted)) return true;
    rest = rest.part(end + 1);
  }
  return false;
}

FdtCells FdtNode::cells(FdtCells otherwise) const noexcept {
  return {number("#address-cells").value_or(otherwise.address),
          number("#size-cells").value_or(otherwise.size)};
}

std::optional<std::uint32_t> FdtNode::number(TextView name) const noexcept {
  const auto found = property(name);
  if (!found || found->size() < 4) return std::nullopt;
  return load_be<std::uint32_t>(found->bytes(), 0);
}

std::optional<std::uint32_t> FdtNode::phandle() const noexcept {
  for (const TextView name : {TextView{"phandle"}, TextView{"linux,phandle"}})
    if (const auto found = property(name); found && found->size() == 4)
      return load_be<std::uint32_t>(found->bytes(), 0);
  return std::nullopt;
}

FdtChildren::Iterator::Iterator(const FdtBlocks& blocks, std::size_t at) noexcept
    : blocks_{blocks}, at_{skip_properties(blocks.structure, at)} {}

FdtChildren::Iterator& FdtChildren::Iterator::operator++() noexcept {
  at_ = skip_nops(blocks_.structure, skip_subtree(blocks_.structure, at_));
  return *this;
}

bool FdtChildren::Iterator::operator==(FdtEnd) const noexcept {
  return t::token(blocks_.structure, at_) != t::kBeginNode;
}

FdtNodes::Iterator& FdtNodes::Iterator::operator++() noexcept {
  const ByteView block = blocks_.structure;
  at_ = skip_properties(block, t::after(block, at_));
  while (t::token(block, at_) == t::kEndNode) {
    if (depth_ == 0) {
      at_ = kPast;
      return *this;
    }
    --depth_;
    at_ = skip_nops(block, at_ + 4);
  }
  ++depth_;
  return *this;
}

FdtReservation FdtReservations::Iterator::operator*() const noexcept {
  return {PhysAddr{load_be<std::uint64_t>(bytes_, 0)}, Bytes{load_be<std::uint64_t>(bytes_, 8)}};
}

std::optional<FdtNode> Fdt::find(TextView path) const noexcept {
  if (!path.starts_with("/")) return std::nullopt;
  FdtNode at = root();
  for (TextView rest = path.part(1); !rest.empty();) {
    const std::size_t end = rest.find('/');
    if (end != 0) {
      const auto next = at.child(rest.part(0, end));
      if (!next) return std::nullopt;
      at = *next;
    }
    rest = rest.part(end + 1);
  }
  return at;
}

std::optional<FdtNode> Fdt::by_phandle(std::uint32_t handle) const noexcept {
  if (handle == 0 || handle == UINT32_MAX) return std::nullopt;
  for (const auto& [node, depth] : nodes())
    if (node.phandle() == handle) return node;
  return std::nullopt;
}

}  // namespace quarry::firmware
