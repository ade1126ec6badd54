// linux/qemu_words.hpp: a command line of QEMU as words, and a word such as "q35,accel=kvm" as properties.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linux/problem.hpp"
#include "quarry/base/units.hpp"

namespace quarry::lnx {

// The words of a line as a shell makes them: '…' and "…" quote, \ takes what follows as it is, a backslash at the end of
// a line joins it to the next.
//
// Errors    bad_arguments: a quote that does not end; a word that a shell would replace, such as $HOME.
Expected<std::vector<std::string>> shell_words(std::string_view line);

// A problem of a QEMU line, with the option and the word that are meant.
Problem qemu_problem(std::string_view option, std::string_view word, std::string_view what);

// A word may have any letter in it, and what is said of it is one line.
void keep_on_one_line(std::string& text);

// "node,nodeid=0,memdev=m0": properties in their order, the first of which may stand without its name. ",," is a comma.
// A name alone is name=on, and noname is name=off.
//
//   QemuProperties size{"-m", "4G,slots=2", "size"};
//   size.take("slots");     // "2"
//   size.rest();            // what nobody has taken
class QemuProperties {
 public:
  struct Property {
    std::string name, value;
    bool has_value = true;
    bool is_taken = false;
  };

  QemuProperties(std::string_view option, std::string_view word, std::string_view first_name);

  // The value of the last one of that name. All of that name count as taken.
  std::optional<std::string> take(std::string_view name);
  std::vector<std::string> take_all(std::string_view name);
  // Errors    bad_arguments: the value is no such thing.
  Expected<std::optional<unsigned>> take_number(std::string_view name, unsigned most);
  Expected<std::optional<bool>> take_switch(std::string_view name);
  // `unit` is what a number without a suffix counts.
  Expected<std::optional<Bytes>> take_size(std::string_view name, Bytes unit = Bytes{1});
  // Everything else is harmless; or a name that was not taken is a problem.
  std::optional<Problem> refuse_rest(std::string_view expected) const;
  std::vector<Property> rest() const;

  const std::string& option() const { return option_; }
  const std::string& word() const { return word_; }

 private:
  Problem wrong(const Property& property, std::string_view expected) const;
  Property* last(std::string_view name);

  std::string option_, word_;
  std::vector<Property> properties_;
};

// "64G", "1.5G", "0x400", "2048": a number that may have a fraction, and a suffix from B, K, M, G, T, P, E.
std::optional<Bytes> parse_qemu_size(std::string_view text, Bytes unit = Bytes{1});

}  // namespace quarry::lnx
