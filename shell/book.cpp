#include "shell/book.hpp"

namespace quarry::shell {
namespace {

// Spreads neighbouring keys over all of 64 bits: multiplied by odd numbers and folded, so no two keys share a hash.
constexpr std::uint64_t hash_of(std::uint64_t key) noexcept {
  key = (key ^ (key >> 32)) * 0x9e3779b97f4a7c15;
  key = (key ^ (key >> 29)) * 0xd1342543de82ef95;
  return key ^ (key >> 32);
}

}  // namespace

Book::~Book() {
  while (chunks_ != nullptr) {
    Chunk* const chunk = chunks_;
    chunks_ = chunk->next;
    memory_.give_back(memory_.self, reinterpret_cast<std::byte*>(chunk), sizeof(Chunk));
  }
}

Result<Done> Book::make_room(std::uint64_t count) noexcept {
  while (spare_count_ < count) {
    std::byte* const granted = memory_.take(memory_.self, sizeof(Chunk));
    if (granted == nullptr) return Error::no_memory;
    auto* const chunk = ::new (static_cast<void*>(granted)) Chunk;
    chunk->next = chunks_;
    chunks_ = chunk;
    for (Node& node : chunk->nodes) {
      node.right = spare_;
      spare_ = &node;
    }
    spare_count_ += Chunk::kNodes;
  }
  return Done{};
}

// The link that leads to the node with that key, or to where it would be.
Book::Node** Book::link_to(std::uint64_t key) noexcept {
  Node** link = &root_;
  while (*link != nullptr && (*link)->key != key)
    link = key < (*link)->key ? &(*link)->left : &(*link)->right;
  return link;
}

void Book::put(std::uint64_t key, std::uint64_t value) noexcept {
  if (Node* const known = *link_to(key)) {
    known->value = value;
    return;
  }
  check(spare_ != nullptr, "an entry without room");
  Node* const node = spare_;
  spare_ = node->right;
  --spare_count_, ++size_;
  Node** link = &root_;
  while (*link != nullptr && hash_of((*link)->key) >= hash_of(key))
    link = key < (*link)->key ? &(*link)->left : &(*link)->right;
  // The tree that was there is cut in two by the key: one half on each side of the new node.
  Node* rest = *link;
  *link = node;
  node->key = key, node->value = value;
  Node **below = &node->left, **above = &node->right;
  while (rest != nullptr) {
    if (rest->key < key) {
      *below = rest;
      below = &rest->right;
      rest = *below;
    } else {
      *above = rest;
      above = &rest->left;
      rest = *above;
    }
  }
  *below = nullptr;
  *above = nullptr;
}

bool Book::erase(std::uint64_t key) noexcept {
  Node** link = link_to(key);
  Node* const node = *link;
  if (node == nullptr) return false;
  // Both subtrees become one where the node was, the higher hash on top.
  Node *low = node->left, *high = node->right;
  while (low != nullptr && high != nullptr) {
    if (hash_of(low->key) > hash_of(high->key)) {
      *link = low;
      link = &low->right;
      low = *link;
    } else {
      *link = high;
      link = &high->left;
      high = *link;
    }
  }
  *link = low != nullptr ? low : high;
  node->right = spare_;
  spare_ = node;
  ++spare_count_, --size_;
  return true;
}

std::optional<std::uint64_t> Book::find(std::uint64_t key) const noexcept {
  const auto entry = at_or_after(key);
  if (!entry || entry->key != key) return std::nullopt;
  return entry->value;
}

std::optional<Book::Entry> Book::at_or_after(std::uint64_t key) const noexcept {
  const Node* best = nullptr;
  for (const Node* node = root_; node != nullptr;) {
    if (node->key < key) {
      node = node->right;
    } else {
      best = node;
      node = node->left;
    }
  }
  if (best == nullptr) return std::nullopt;
  return Entry{best->key, best->value};
}

bool Book::audit() const noexcept {
  std::uint64_t count = 0;
  for (auto entry = at_or_after(0); entry; entry = at_or_after(entry->key + 1)) {
    // On the way to a key, hashes fall.
    const Node* node = root_;
    while (node != nullptr && node->key != entry->key) {
      const Node* const next = entry->key < node->key ? node->left : node->right;
      if (next == nullptr || hash_of(next->key) > hash_of(node->key)) return false;
      node = next;
    }
    if (node == nullptr) return false;
    ++count;
    if (entry->key == UINT64_MAX) break;
  }
  return count == size_;
}

}  // namespace quarry::shell
