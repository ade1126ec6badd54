// linux/machine_mix.hpp: two machines, what differs between them, and every machine that lies between.
//
//   from      |map|tree|words|...          chosen  .  x  .  x      each difference is a's or b's
//   to        |map|tree|words|...          mixed   a  b  a  b      none chosen: from; all chosen: to
//
// What a difference does is not guessed here: whoever asks boots the machines between.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linux/description.hpp"

namespace quarry::lnx {

// In the order in which they are tried: what machine there is, what lies in it, what runs on it, and where that was put.
enum class DifferenceKind {
  architecture,
  memory,
  numa,
  reserved,
  tree,
  tables,
  processors,
  kernel,
  configuration,
  command_line,
  initrd,
  place,
};
// "memory", "command line"
std::string_view name_of(DifferenceKind kind);

// One thing that is so in the one machine and otherwise in the other. `before` and `after` say how; either is empty
// where the thing is not there.
struct Difference {
  DifferenceKind kind = DifferenceKind::memory;
  std::string what;
  std::string before, after;
};

// Which differences have been taken over, by their index.
using Chosen = std::vector<bool>;

struct MixPart;
class LoaderPlaces;

class MachineMix {
 public:
  MachineMix(MachineDescription from, MachineDescription to);
  ~MachineMix();
  MachineMix(MachineMix&&) noexcept;
  MachineMix& operator=(MachineMix&&) = delete;

  const MachineDescription& from() const noexcept { return *from_; }
  const MachineDescription& to() const noexcept { return *to_; }

  // In the order of their kinds.
  const std::vector<Difference>& differences() const noexcept { return differences_; }

  // `from` with the chosen differences taken over from `to`. What a boot loader places (image, initrd, tree, tables)
  // follows the memory that it lies in.
  //
  // Law       nothing chosen boots as `from`, everything as `to`.
  // Returns   nothing if the kernel's parts do not go together.
  std::optional<MachineDescription> mixed(const Chosen& chosen) const;

 private:
  // Behind pointers: the parts look at them.
  std::unique_ptr<const MachineDescription> from_, to_;
  std::vector<MixPart> parts_;
  std::unique_ptr<const LoaderPlaces> placement_;
  std::vector<Difference> differences_;
  std::vector<std::size_t>
      order_;  // order_[i]: which of the parts' differences, one after another, differences_[i] is
};

}  // namespace quarry::lnx
