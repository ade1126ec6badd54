#include "kernel/loop.hpp"

#include "kernel/console.hpp"
#include "quarry/base/divide.hpp"

namespace kernel {

void tell(quarry::TextView loop, std::uint64_t parameter, std::uint64_t before,
          std::uint64_t operations) noexcept {
  const std::uint64_t hundredths = quarry::divide((arch::ticks() - before) * 100, operations);
  const std::uint64_t whole = quarry::divide(hundredths, 100), rest = hundredths - whole * 100;
  quarry::TextSink out = console();
  out.put("@@LOOP ")
      .put(loop)
      .put(' ')
      .dec(parameter)
      .put(' ')
      .dec(whole)
      .put(rest < 10 ? ".0" : ".")
      .dec(rest);
  out.put('\n');
}

}  // namespace kernel
