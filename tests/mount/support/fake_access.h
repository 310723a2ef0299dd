// FakeAccess: the keys of documents without a service, for tests of the mount.
//
//   FakeLabels labels;
//   labels.Add("A#example.com");
//   FakeAccess alice(labels, "alice@example.com");
//   alice.lease_ms = 1000;
//   alice.deny = true;              // from now on no grant
//   alice.answer_after_ms = 3000;   // and what Open answers comes late
//   alice.epoch = 2;                // from now on alice knows of the labels' second keys
//
// Everybody "holds" the labels' private keys here; what a real client would get from a service is
// decided by the members below. Thread safe but for Add.
#ifndef RECRYPT_TESTS_MOUNT_SUPPORT_FAKE_ACCESS_H_
#define RECRYPT_TESTS_MOUNT_SUPPORT_FAKE_ACCESS_H_

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "client/access.h"
#include "core/base/clock.h"

namespace recrypt {

struct FakeLabel {
  struct Key {
    PrivateKey key;   // encryption
    std::string kid;  // its UDF
  };
  std::vector<Key> keys;  // of epochs 1 and following
  PrivateKey master;      // signs credentials
  bool anyone = false;
};

class FakeLabels {
 public:
  static constexpr uint32_t kEpochs = 8;
  void Add(const std::string& name, bool anyone_may_write = false);
  const FakeLabel* Find(const LabelName& name) const;
  const std::map<LabelName, FakeLabel>& all() const { return labels_; }

 private:
  std::map<LabelName, FakeLabel> labels_;
};

class FakeAccess : public Access {
 public:
  FakeAccess(const FakeLabels& labels, std::string account);

  ~FakeAccess() override;

 private:
  // In memory shared with the processes that serve mounts.
  struct Switches {
    std::atomic<int64_t> lease_ms{3'600'000};
    std::atomic<bool> deny{false};
    std::atomic<int> answer_after_ms{0};
    std::atomic<bool> may_write{true};
    std::atomic<int> opens{0};
    std::atomic<int> prefetched{0};
    std::atomic<uint32_t> epoch{1};
    std::atomic<int> cannot_renew{0};
  };
  Switches* const switches_;

 public:
  std::atomic<int64_t>& lease_ms = switches_->lease_ms;
  std::atomic<bool>& deny = switches_->deny;  // no grants
  std::atomic<int>& answer_after_ms = switches_->answer_after_ms;
  std::atomic<bool>& may_write = switches_->may_write;   // has a credential
  std::atomic<int>& opens = switches_->opens;            // calls of Open
  std::atomic<int>& prefetched = switches_->prefetched;  // documents
  std::atomic<uint32_t>& epoch = switches_->epoch;       // of the labels' keys, 1 to kEpochs
  // An ErrorCode: what RenewHeader fails with; 0: it does not.
  std::atomic<int>& cannot_renew = switches_->cannot_renew;

  Result<OpenedKeys> Open(const Header& header, GrantUse use) override;
  std::vector<Result<OpenedKeys>> OpenMany(std::span<const Header* const> headers,
                                           GrantUse use) override;
  int64_t CreatorsLease(const LabelExpression& expression) override;
  void KeepCreated(const Header& header, const DocumentKeys& keys) override;
  Result<NewDocument> Create(const LabelExpression& expression, std::string_view name) override;
  Result<HeaderRenewal> RenewHeader(const Header& header, RenewWhen when, KeepKeys keep) override;
  Result<std::shared_ptr<const Author>> AuthorFor(const LabelExpression& expression) override;
  Result<TrustedLabels> Trust(const LabelExpression& expression) override;
  void Lock() override { deny = true; }

 private:
  const FakeLabels& labels_;
  const std::string account_;
  const PrivateKey device_;
  bool IsFirstUse(const DocumentId& uid);
  Result<HeaderSpec> SpecOf(const LabelExpression& expression) const;
  // Of the label's key that the header is encrypted to; 0 when it is to none.
  static uint32_t EpochIn(const Header& header, const FakeLabel& label);

  std::mutex authors_mutex_;  // guards authors_
  std::map<std::pair<LabelName, uint32_t>, std::shared_ptr<const Author>> authors_;  // and epoch
  std::mutex used_mutex_;                                                            // guards used_
  std::map<DocumentId, int64_t> used_;  // until when the grants last that were used; of one mount
  const SystemClock clock_;
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_MOUNT_SUPPORT_FAKE_ACCESS_H_
