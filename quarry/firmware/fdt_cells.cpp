#include "quarry/firmware/fdt_cells.hpp"

namespace quarry::firmware {

FdtNumber read_cells(ByteView bytes, std::size_t offset, std::uint32_t count) noexcept {
  FdtNumber number;
  for (std::uint32_t i = 0; i < count; ++i) {
    if ((number.value >> 32) != 0) number.fits = false;
    number.value = (number.value << 32) | load_be<std::uint32_t>(bytes, offset + std::size_t{4} * i);
  }
  return number;
}

FdtReg FdtRegs::operator[](std::size_t at) const noexcept {
  check(at < count_, "index outside the list of ranges");
  const std::size_t first = at * static_cast<std::size_t>(cells_.entry_bytes());
  const FdtNumber base = read_cells(bytes_, first, cells_.address);
  const FdtNumber size = read_cells(bytes_, first + std::size_t{4} * cells_.address, cells_.size);
  return {PhysAddr{base.value}, Bytes{size.value}, base.fits && size.fits};
}

}  // namespace quarry::firmware
