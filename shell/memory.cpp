#include "shell/memory.hpp"

namespace quarry::shell {

Note::~Note() {
  while (first_ != nullptr) {
    Chunk* const chunk = first_;
    first_ = chunk->next;
    memory_.give_back(memory_.self, reinterpret_cast<std::byte*>(chunk), kChunk);
  }
}

TextSink Note::start() noexcept {
  for (Chunk* chunk = first_; chunk != nullptr; chunk = chunk->next) chunk->used = 0;
  last_ = first_;
  is_cut_ = false;
  return {this, [](void* self, const char* text, std::size_t size) noexcept {
            static_cast<Note*>(self)->append(text, size);
          }};
}

// The chunk with room for more, or null.
Note::Chunk* Note::room() noexcept {
  if (last_ != nullptr && last_->used < sizeof last_->text) return last_;
  if (last_ != nullptr && last_->next != nullptr) return last_ = last_->next;
  std::byte* const granted = memory_.take(memory_.self, kChunk);
  if (granted == nullptr) return nullptr;
  auto* const chunk = ::new (static_cast<void*>(granted)) Chunk;
  (last_ == nullptr ? first_ : last_->next) = chunk;
  return last_ = chunk;
}

void Note::append(const char* text, std::size_t size) noexcept {
  while (size != 0 && !is_cut_) {
    Chunk* const chunk = room();
    if (chunk == nullptr) {
      is_cut_ = true;
      return;
    }
    const std::size_t left = sizeof chunk->text - chunk->used, part = size < left ? size : left;
    __builtin_memcpy(chunk->text + chunk->used, text, part);
    chunk->used += part, text += part, size -= part;
  }
}

void Note::print(TextSink& out) const noexcept {
  for (const Chunk* chunk = first_; chunk != nullptr && chunk->used != 0; chunk = chunk->next)
    out.put(TextView{chunk->text, chunk->used});
  if (is_cut_) out.put("\n... there was no memory to note more\n");
}

}  // namespace quarry::shell
