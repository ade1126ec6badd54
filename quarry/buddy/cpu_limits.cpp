#include "quarry/buddy/cpu_limits.hpp"

#include "quarry/base/divide.hpp"

namespace quarry::buddy {

CpuLimits cpu_limits(PageCount managed, PageCount low_mark, unsigned cores, PageSize page) noexcept {
  check(cores != 0, "no core");
  const std::uint64_t most = (std::uint64_t{1} << 20) >> page.shift();
  std::uint64_t batch = managed.raw >> 10;
  batch = (batch < most ? batch : most) >> 2;
  if (batch == 0) batch = 1;
  const std::uint64_t rounded = std::uint64_t{1} << (63 - count_leading_zeros(batch + (batch >> 1)));
  CpuLimits limits;
  limits.batch = static_cast<std::uint32_t>(rounded > 1 ? rounded - 1 : 1);
  const std::uint64_t share = divide(low_mark.raw, cores);
  const std::uint64_t least = std::uint64_t{limits.batch} << 2;
  const std::uint64_t high = share > least ? share : least;
  limits.high = static_cast<std::uint32_t>(high < UINT32_MAX ? high : UINT32_MAX);
  return limits;
}

}  // namespace quarry::buddy
