// BlockCipher: encrypts and verifies the blocks of one document (docs/FORMAT.md, 3.2).
//
//   BlockCipher cipher(keys);
//   BlockCipher::Lane lane = cipher.Borrow();          // contexts for this thread, for a while
//   lane->SealBlocks(key, jobs);
//   if (!lane->OpenBlock(key, block, ciphertext, entry, out)) ...
//
//   cipher.Seal(key, jobs);                            // many blocks, by all processors
//
// BlockCipher is thread safe; a lane belongs to the thread that borrowed it and goes back to the
// pool when it dies.
#ifndef RECRYPT_CORE_JCD_BLOCK_CIPHER_H_
#define RECRYPT_CORE_JCD_BLOCK_CIPHER_H_

#include <memory>
#include <mutex>
#include <vector>

#include "core/jcd/data_keys.h"
#include "core/jcd/geometry.h"

namespace recrypt {

// Whether the digest in a table entry is that of the ciphertext: what can be told without a key.
bool MatchesDigest(Sha256Hasher& hasher, const DocumentId& uid, uint64_t block, ByteSpan ciphertext,
                   const uint8_t* entry);

class BlockContexts {
 public:
  explicit BlockContexts(const DataKeys& keys);

  bool Has(uint32_t key) const { return Find(key) != nullptr; }
  // Encrypts blocks with rising numbers under fresh nonces: plain[i], of sizes[i] bytes, goes to
  // ciphertext[i] and entries[i] (40 bytes). `key` must be one that Has.
  struct Job {
    uint64_t block;
    ByteSpan plain;
    uint8_t* ciphertext;
    uint8_t* entry;
  };
  void SealBlocks(uint32_t key, std::span<const Job> jobs);
  // Verifies digest and tag and decrypts; `out` may be the ciphertext's memory. False, with `out`
  // wiped or as it was, when either fails or the key is unknown.
  [[nodiscard]] bool OpenBlock(uint32_t key, uint64_t block, ByteSpan ciphertext,
                               const uint8_t* entry, uint8_t* out);

  Sha256Hasher& hasher() { return hasher_; }
  // Memory to work in, kept from call to call.
  MutableByteSpan Scratch(size_t size);

 private:
  struct Keyed {
    uint32_t number;
    Aead aead;
  };
  Keyed* Find(uint32_t key) const;

  DocumentId uid_;
  mutable std::vector<Keyed> keyed_;
  Sha256Hasher hasher_;
  Bytes nonces_;
  Bytes scratch_;
};

class BlockCipher {
 public:
  explicit BlockCipher(std::shared_ptr<const DataKeys> keys) : keys_(std::move(keys)) {}

  class Lane {
   public:
    Lane(BlockCipher* pool, std::unique_ptr<BlockContexts> contexts)
        : pool_(pool), contexts_(std::move(contexts)) {}
    Lane(Lane&& other) noexcept = default;
    Lane& operator=(Lane&&) = delete;
    ~Lane() {
      if (contexts_) pool_->Return(std::move(contexts_));
    }
    BlockContexts* operator->() const { return contexts_.get(); }
    BlockContexts& operator*() const { return *contexts_; }

   private:
    BlockCipher* pool_;
    std::unique_ptr<BlockContexts> contexts_;
  };
  Lane Borrow();

  // As of a lane, by all processors where there is enough to do.
  void Seal(uint32_t key, std::span<const BlockContexts::Job> jobs);

 private:
  void Return(std::unique_ptr<BlockContexts> contexts);

  const std::shared_ptr<const DataKeys> keys_;
  std::mutex mutex_;  // guards idle_; a leaf of the lock order
  std::vector<std::unique_ptr<BlockContexts>> idle_;
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_BLOCK_CIPHER_H_
