#include "quarry/firmware/slit.hpp"

namespace quarry::firmware {

Result<Slit> Slit::from(ByteView bytes) noexcept {
  const auto table = AcpiTable::from(bytes, "SLIT");
  if (!table) return table.error();
  const ByteView whole = table.value().bytes();
  if (whole.size() < kFirstDistance) return Error::truncated_table;
  const auto localities = load_le<std::uint64_t>(whole, AcpiTable::kHeaderBytes);
  // A table's length has 32 bits, so more than 2^16 localities cannot be in it.
  if (localities >= 0x10000 || localities * localities > whole.size() - kFirstDistance)
    return Error::bad_table;
  const auto side = static_cast<std::size_t>(localities);
  return Slit{whole.subspan(kFirstDistance, side * side), side};
}

std::uint8_t Slit::distance(std::size_t from, std::size_t to) const noexcept {
  check(from < localities_ && to < localities_, "no such locality");
  return load_le<std::uint8_t>(matrix_, from * localities_ + to);
}

std::span<const std::uint8_t> Slit::distances() const noexcept {
  return {reinterpret_cast<const std::uint8_t*>(matrix_.data()), matrix_.size()};
}

bool Slit::plausible() const noexcept {
  for (std::size_t from = 0; from < localities_; ++from)
    for (std::size_t to = 0; to < localities_; ++to)
      if (from == to ? distance(from, to) != kLocal : distance(from, to) <= kLocal) return false;
  return true;
}

}  // namespace quarry::firmware
