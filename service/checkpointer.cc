#include "service/checkpointer.h"

#include "service/log.h"

namespace recrypt {

Checkpointer::Checkpointer(const ServiceKeys& keys, std::string domain, const Clock& clock,
                           Store& store, Committer& committer, std::chrono::milliseconds interval)
    : keys_(keys),
      domain_(std::move(domain)),
      clock_(clock),
      store_(store),
      committer_(committer),
      interval_(interval),
      thread_([this] { Run(); }) {}

Checkpointer::~Checkpointer() { Stop(); }

void Checkpointer::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Checkpointer::Run() {
  for (bool last = false; !last;) {
    {
      std::unique_lock lock(mutex_);
      last = wake_.wait_for(lock, interval_, [this] { return stopping_; });
    }
    if (const Status done = Sign(); !done) LogError("audit checkpoint: " + done.error().message);
  }
}

// What it signs has been committed: the head comes from a snapshot of the store.
Status Checkpointer::Sign() {
  AuditHead head;
  RECRYPT_TRY(store_.Read([&head](StoreView& view) -> Status {
    RECRYPT_ASSIGN(head, view.FindAuditHead());
    return {};
  }));
  if (head.sequence == signed_sequence_) return {};
  const Checkpoint checkpoint{domain_, "", head, clock_.NowSeconds(), keys_.sign.public_key()};
  const std::string jws = DumpJson(SignCheckpoint(checkpoint, keys_.sign));
  signed_sequence_ = head.sequence;
  committer_.Submit(
      [stored = StoredCheckpoint{head.sequence, jws}](StoreTransaction& transaction) {
        return transaction.PutCheckpoint(stored);
      },
      [](const Status& outcome) {
        if (!outcome) LogError("audit checkpoint: " + outcome.error().message);
      });
  return {};
}

}  // namespace recrypt
