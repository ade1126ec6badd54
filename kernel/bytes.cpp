// kernel/bytes.cpp: the four functions that compilers call by themselves.
#include <cstddef>
#include <cstdint>

namespace {

using Word = std::uint64_t;
struct [[gnu::may_alias]] Run {
  Word word;
};

bool are_aligned(const void* a, const void* b) noexcept {
  return ((reinterpret_cast<std::uintptr_t>(a) | reinterpret_cast<std::uintptr_t>(b)) % sizeof(Word)) == 0;
}

}  // namespace

// Compiled so that loops stay loops: they must not become calls of themselves.
extern "C" {

void* memcpy(void* __restrict to, const void* __restrict from, std::size_t size) {
  auto* out = static_cast<unsigned char*>(to);
  const auto* in = static_cast<const unsigned char*>(from);
  if (are_aligned(out, in))
    for (; size >= sizeof(Run); size -= sizeof(Run), out += sizeof(Run), in += sizeof(Run))
      *reinterpret_cast<Run*>(out) = *reinterpret_cast<const Run*>(in);
  while (size-- > 0) *out++ = *in++;
  return to;
}

void* memmove(void* to, const void* from, std::size_t size) {
  auto* out = static_cast<unsigned char*>(to);
  const auto* in = static_cast<const unsigned char*>(from);
  if (reinterpret_cast<std::uintptr_t>(out) - reinterpret_cast<std::uintptr_t>(in) >= size) {
    if (are_aligned(out, in))
      for (; size >= sizeof(Run); size -= sizeof(Run), out += sizeof(Run), in += sizeof(Run))
        *reinterpret_cast<Run*>(out) = *reinterpret_cast<const Run*>(in);
    while (size-- > 0) *out++ = *in++;
  } else {
    while (size-- > 0) out[size] = in[size];
  }
  return to;
}

void* memset(void* to, int value, std::size_t size) {
  auto* out = static_cast<unsigned char*>(to);
  const auto byte = static_cast<unsigned char>(value);
  if (are_aligned(out, nullptr)) {
    const Word word = byte * Word{0x0101'0101'0101'0101};
    for (; size >= sizeof(Run); size -= sizeof(Run), out += sizeof(Run))
      *reinterpret_cast<Run*>(out) = {word};
  }
  while (size-- > 0) *out++ = byte;
  return to;
}

int memcmp(const void* a, const void* b, std::size_t size) {
  const auto* x = static_cast<const unsigned char*>(a);
  const auto* y = static_cast<const unsigned char*>(b);
  for (std::size_t i = 0; i < size; ++i)
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  return 0;
}

}  // extern "C"
