// linux/log_buffer.hpp: a larger buffer for the kernel's log: because log_buf_len= asks, or because of many processors.
//
// Source    Linux 6.1, kernel/printk/printk.c, "setup_log_buf" (behaviour).
#pragma once

#include "linux/struct_sizes.hpp"
#include "quarry/boot/flow.hpp"

namespace quarry::lnx {

class LogBuffer {
 public:
  // `shift`: the buffer that the kernel comes with has 2^shift bytes; each processor but the first wants
  // 2^processor_shift more.
  LogBuffer(const StructSizes& sizes, unsigned shift, unsigned processor_shift) noexcept
      : sizes_{&sizes}, shift_{shift}, processor_shift_{processor_shift} {}

  // The first moment: what the command line asks for.
  //
  // Errors    no_memory never: without room the kernel keeps the buffer that it has.
  Result<Done> set_up_early(boot::State& state);
  // The second one: what processors want, unless there is a larger buffer already.
  Result<Done> set_up_late(boot::State& state);

 private:
  Result<Done> take(boot::State& state, Bytes size);

  const StructSizes* sizes_;
  unsigned shift_, processor_shift_;
  bool is_replaced_ = false;
};

}  // namespace quarry::lnx
