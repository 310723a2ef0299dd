// LoadedDocuments: lets programs have more documents open than there are descriptors and memory to
// hold all their stored files and keys at once.
//
//   loaded.Note(document);    // by whom it is loaded, under its locks
//   loaded.RestOldest();      // by whoever asks something of the mount, without any lock
//
// Beyond the limit, those that were loaded first are unloaded, and load themselves again at their
// next use. Thread safe.
#ifndef RECRYPT_FS_LOADED_DOCUMENTS_H_
#define RECRYPT_FS_LOADED_DOCUMENTS_H_

#include <deque>
#include <memory>
#include <mutex>

#include "fs/open_document.h"

namespace recrypt {

class LoadedDocuments {
 public:
  explicit LoadedDocuments(size_t limit) : limit_(limit) {}

  void Note(const std::shared_ptr<OpenDocument>& document) {
    std::lock_guard lock(mutex_);
    oldest_first_.push_back(document);
  }

  void RestOldest() {
    // As many may be busy as there are threads that use them.
    constexpr int kAttempts = 16;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      std::weak_ptr<OpenDocument> oldest;
      {
        std::lock_guard lock(mutex_);
        if (oldest_first_.size() <= limit_) return;
        oldest = std::move(oldest_first_.front());
        oldest_first_.pop_front();
      }
      std::shared_ptr<OpenDocument> document = oldest.lock();
      if (document != nullptr && !document->Rest()) Note(document);
    }
  }

 private:
  const size_t limit_;
  std::mutex mutex_;  // guards what follows; innermost
  std::deque<std::weak_ptr<OpenDocument>> oldest_first_;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_LOADED_DOCUMENTS_H_
