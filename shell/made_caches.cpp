#include "shell/made_caches.hpp"

namespace quarry::shell {

Result<MadeCaches::Made*> MadeCaches::keep(TextView name) noexcept {
  std::byte* const granted = memory_.take(memory_.self, sizeof(Made) + name.size());
  if (granted == nullptr) return Error::no_memory;
  Made* const made = ::new (static_cast<void*>(granted)) Made{name.size()};
  __builtin_memcpy(granted + sizeof(Made), name.data(), name.size());
  Made** link = &first_;
  while (*link != nullptr) link = &(*link)->next_;
  *link = made;
  return made;
}

MadeCaches::Made* MadeCaches::find(TextView name) noexcept {
  for (Made* made = first_; made != nullptr; made = made->next_)
    if (!made->has_left && made->name() == name) return made;
  return nullptr;
}

MadeCaches::Made* MadeCaches::first() noexcept {
  Made* made = first_;
  while (made != nullptr && made->has_left) made = made->next_;
  return made;
}

void MadeCaches::drop(Made& made) noexcept {
  Made** link = &first_;
  while (*link != &made) link = &(*link)->next_;
  *link = made.next_;
  memory_.give_back(memory_.self, reinterpret_cast<std::byte*>(&made), sizeof(Made) + made.size_);
}

void MadeCaches::drop_all_of(CacheId id) noexcept {
  for (Made* made = first_; made != nullptr;) {
    Made* const next = made->next_;
    if (made->id == id) drop(*made);
    made = next;
  }
}

}  // namespace quarry::shell
