#include "core/jcd/block_cipher.h"

#include <algorithm>
#include <cstring>

#include "core/base/parallel.h"

namespace recrypt {
namespace {

// An entry: nonce, tag, digest.
constexpr size_t kTagAt = kAeadNonceSize;
constexpr size_t kDigestAt = kTagAt + kAeadTagSize;
constexpr size_t kDigestSize = 12;
static_assert(kDigestAt + kDigestSize == kEntrySize);

// What one processor does at a time of what several do: some 120 microseconds. In parts of half
// that, waking another processor cost more than it brought.
constexpr size_t kBlocksInPart = 32;

// More idle lanes than threads that read one document at a time are a waste of memory.
constexpr size_t kMaxIdleLanes = 8;

void Digest(Sha256Hasher& hasher, const DocumentId& uid, uint64_t block, const uint8_t* entry,
            ByteSpan ciphertext, uint8_t* digest) {
  uint8_t head[16 + 8 + kDigestAt];
  std::copy(uid.begin(), uid.end(), head);
  StoreU64(head + 16, block);
  std::memcpy(head + 24, entry, kDigestAt);
  hasher.Update(head);
  hasher.Update(ciphertext);
  const Sha256Digest all = hasher.Finish();
  std::copy_n(all.begin(), kDigestSize, digest);
}

}  // namespace

bool MatchesDigest(Sha256Hasher& hasher, const DocumentId& uid, uint64_t block, ByteSpan ciphertext,
                   const uint8_t* entry) {
  uint8_t digest[kDigestSize];
  Digest(hasher, uid, block, entry, ciphertext, digest);
  return std::memcmp(digest, entry + kDigestAt, kDigestSize) == 0;
}

BlockContexts::BlockContexts(const DataKeys& keys) : uid_(keys.uid()) {
  for (const DataKey& key : keys.all()) {
    keyed_.push_back({key.number, Aead(keys.Derive(key.number, KeyUse::kBlock))});
  }
}

BlockContexts::Keyed* BlockContexts::Find(uint32_t key) const {
  // Nearly always the newest, which is the last.
  for (size_t i = keyed_.size(); i-- > 0;) {
    if (keyed_[i].number == key) return &keyed_[i];
  }
  return nullptr;
}

MutableByteSpan BlockContexts::Scratch(size_t size) {
  if (scratch_.size() < size) scratch_.resize(size);
  return {scratch_.data(), size};
}

void BlockContexts::SealBlocks(uint32_t key, std::span<const Job> jobs) {
  Aead& aead = Find(key)->aead;
  // One call for all nonces; none is kept for later, so that a fork cannot use one twice.
  nonces_.resize(jobs.size() * kAeadNonceSize);
  RandomBytes(nonces_);
  uint8_t aad[16 + 8];
  std::copy(uid_.begin(), uid_.end(), aad);
  for (size_t i = 0; i < jobs.size(); ++i) {
    const Job& job = jobs[i];
    std::memcpy(job.entry, &nonces_[i * kAeadNonceSize], kAeadNonceSize);
    StoreU64(aad + 16, job.block);
    aead.Seal({job.entry, kAeadNonceSize}, aad, job.plain, job.ciphertext, job.entry + kTagAt);
    Digest(hasher_, uid_, job.block, job.entry, {job.ciphertext, job.plain.size()},
           job.entry + kDigestAt);
  }
}

bool BlockContexts::OpenBlock(uint32_t key, uint64_t block, ByteSpan ciphertext,
                              const uint8_t* entry, uint8_t* out) {
  Keyed* keyed = Find(key);
  if (keyed == nullptr) return false;
  if (!MatchesDigest(hasher_, uid_, block, ciphertext, entry)) return false;
  uint8_t aad[16 + 8];
  std::copy(uid_.begin(), uid_.end(), aad);
  StoreU64(aad + 16, block);
  return keyed->aead.Open({entry, kAeadNonceSize}, aad, ciphertext, {entry + kTagAt, kAeadTagSize},
                          out);
}

BlockCipher::Lane BlockCipher::Borrow() {
  {
    std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto contexts = std::move(idle_.back());
      idle_.pop_back();
      return Lane(this, std::move(contexts));
    }
  }
  return Lane(this, std::make_unique<BlockContexts>(*keys_));
}

void BlockCipher::Seal(uint32_t key, std::span<const BlockContexts::Job> jobs) {
  const size_t parts = std::max<size_t>(jobs.size() / kBlocksInPart, 1);
  InParallel(parts, [&](size_t i) {
    const size_t from = jobs.size() * i / parts, to = jobs.size() * (i + 1) / parts;
    Borrow()->SealBlocks(key, jobs.subspan(from, to - from));
  });
}

void BlockCipher::Return(std::unique_ptr<BlockContexts> contexts) {
  std::lock_guard lock(mutex_);
  if (idle_.size() < kMaxIdleLanes) idle_.push_back(std::move(contexts));
}

}  // namespace recrypt
