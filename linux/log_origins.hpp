// linux/log_origins.hpp: which line of a log said what: a part of boot_log_inputs.cpp.
#pragma once

#include "linux/boot_log.hpp"
#include "linux/log_scanner.hpp"

namespace quarry::lnx {

// How much the lines before said: what is more afterwards, a line has said.
class SaidBefore {
 public:
  explicit SaidBefore(const LogInputs& inputs);
  void note(const Messages::Message& message, LogInputs& inputs) const;

 private:
  std::size_t e820_, efi_, affinity_, tables_;
  bool has_ramdisk_;
  std::string command_line_;
};

}  // namespace quarry::lnx
