// The names of versions: a part of known_kernels.hpp.
#include <algorithm>
#include <charconv>

#include "linux/known_kernels.hpp"

namespace quarry::lnx {
namespace {

constexpr std::string_view kFlavours[] = {"amd64",    "cloud-amd64", "rt-amd64",   "arm64",    "cloud-arm64",
                                          "rt-arm64", "armmp",       "armmp-lpae", "rt-armmp", "riscv64"};

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return '0' <= c && c <= '9'; });
}

// "6.1.0-56-cloud-amd64", "6.12.117+deb12-cloud-amd64" and "5.8.0-0.bpo.2-arm64" have their flavour behind what counts
// the builds; "6.1-cloud-amd64" has no count.
std::string flavour_of(std::string_view release) {
  for (std::size_t dash = release.find('-'); dash != release.npos; dash = release.find('-', dash + 1)) {
    const std::string_view rest = release.substr(dash + 1);
    if (std::find(std::begin(kFlavours), std::end(kFlavours), rest) != std::end(kFlavours))
      return std::string{rest};
  }
  return {};
}

// "-rc5", "-next-20240829", a trailing "+", "-dirty", and "-00097-gef30fb3c602445" of git describe.
bool is_of_development(std::string_view release) {
  if (release.find("-next-") != release.npos || release.ends_with('+') || release.ends_with("-dirty"))
    return true;
  for (std::size_t at = release.find("-rc"); at != release.npos; at = release.find("-rc", at + 1))
    if (is_number(release.substr(at + 3, 1))) return true;
  for (std::size_t at = release.find("-g"); at != release.npos; at = release.find("-g", at + 1)) {
    const std::string_view hash = release.substr(at + 2, 7);
    if (hash.size() == 7 && hash.find_first_not_of("0123456789abcdef") == hash.npos) return true;
  }
  return false;
}

}  // namespace

std::optional<ReleaseName> read_release_name(std::string_view text) {
  ReleaseName name;
  const char* const end = text.data() + text.size();
  const auto [dot, bad_major] = std::from_chars(text.data(), end, name.major);
  if (bad_major != std::errc{} || dot == end || *dot != '.') return std::nullopt;
  const auto [rest, bad_minor] = std::from_chars(dot + 1, end, name.minor);
  if (bad_minor != std::errc{}) return std::nullopt;
  constexpr std::string_view after = ".-+";
  if (rest != end && after.find(*rest) == after.npos) return std::nullopt;
  name.flavour = flavour_of(text);
  name.is_development = is_of_development(text);
  return name;
}

}  // namespace quarry::lnx
