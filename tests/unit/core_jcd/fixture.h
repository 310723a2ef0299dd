// What the tests of core/jcd share: a label, its keys, a writer's device, documents under it.
#ifndef RECRYPT_TESTS_UNIT_CORE_JCD_FIXTURE_H_
#define RECRYPT_TESTS_UNIT_CORE_JCD_FIXTURE_H_

#include <gtest/gtest.h>

#include "core/jcd/document.h"
#include "core/jcd/geometry.h"
#include "core/udf/udf.h"
#include "tests/unit/core_jcd/memory_file.h"

namespace recrypt {

// A value, or a failed test.
template <typename T>
T Must(Result<T> result) {
  if (!result) {
    ADD_FAILURE() << result.error().message;
    throw std::runtime_error(result.error().message);
  }
  return std::move(*result);
}
inline void Must(Status status) {
  if (!status) {
    ADD_FAILURE() << status.error().message;
    throw std::runtime_error(status.error().message);
  }
}

constexpr int64_t kNow = 1'800'000'000;

// The clock of signers, which tests set.
struct SignersClock : Clock {
  explicit SignersClock(int64_t time) : now(time) {}
  int64_t NowSeconds() const override { return now; }
  int64_t MonotonicMillis() const override { return now * 1000; }
  int64_t now;
};
inline const SignersClock kSignersClock(kNow);

struct Label {
  explicit Label(const std::string& text, Curve curve = Curve::kX25519,
                 Curve signature = Curve::kEd25519)
      : name(Must(LabelName::Parse(text))),
        key(PrivateKey::Generate(curve)),
        master(PrivateKey::Generate(signature)) {}

  LabelName name;
  PrivateKey key;     // encryption
  PrivateKey master;  // signs credentials
  bool anyone = false;
};

inline Author MakeAuthor(const Label& label, const std::string& subject = "alice@example.com",
                         Curve curve = Curve::kEd25519, bool may_write = true,
                         uint64_t expires = kNow + 1000) {
  PrivateKey device = PrivateKey::Generate(curve);
  Bytes credential = Must(IssueCredential(
      label.master, Credential{device.public_key(), may_write, 1, expires, subject}));
  return Author{std::move(device), std::move(credential), &kSignersClock};
}

// Everything that is needed to make and to open documents under one expression.
class World {
 public:
  explicit World(std::vector<Label> labels = OneLabel(), std::string expression = "A#example.com")
      : labels_(std::move(labels)),
        expression_(Must(LabelExpression::Parse(expression))),
        author_(MakeAuthor(labels_[0])) {}

  static std::vector<Label> OneLabel() {
    std::vector<Label> labels;
    labels.emplace_back("A#example.com");
    return labels;
  }

  Label& label(size_t i = 0) { return labels_[i]; }
  const Author* author() const { return &author_; }
  const LabelExpression& expression() const { return expression_; }
  // The epoch that the labels' keys are taken to be of.
  void set_epoch(uint32_t epoch) { epoch_ = epoch; }

  TrustedLabels Trust() const {
    TrustedLabels trust;
    for (const Label& label : labels_) {
      trust.emplace(label.name, LabelTrust{label.master.public_key(), label.anyone, epoch_});
    }
    return trust;
  }

  HeaderSpec Spec() const {
    HeaderSpec spec{expression_, {}, {"example.com"}};
    for (const Label& label : labels_) spec.label_keys.emplace(label.name, label.key.public_key());
    return spec;
  }

  static std::vector<DataKey> NewKeys(std::vector<uint32_t> numbers = {1}) {
    std::vector<DataKey> keys;
    for (const uint32_t number : numbers) keys.push_back({number, Secret::Random(32)});
    return keys;
  }
  static std::vector<DataKey> Copy(const std::vector<DataKey>& keys) {
    std::vector<DataKey> copy;
    for (const DataKey& key : keys) copy.push_back({key.number, key.key.Clone()});
    return copy;
  }
  static Wrapper MakeWrapper(const DocumentId& uid, const std::vector<DataKey>& keys) {
    return Wrapper{uid, "report.odt", "text/plain", Copy(keys)};
  }

  SealedHeader Seal(const Wrapper& wrapper) const { return Must(SealHeader(Spec(), wrapper)); }

  // A new document, not yet committed.
  std::unique_ptr<Document> Create(std::shared_ptr<StoredFile> file) {
    const DocumentId uid = RandomArray<16>();
    const std::vector<DataKey> keys = NewKeys();
    const SealedHeader sealed = Seal(MakeWrapper(uid, keys));
    return Document::Create(std::move(file), sealed.region,
                            DocumentKeys{uid, sealed.header.digest, expression_, Copy(keys)});
  }

  AgreedSecrets Secrets(const Header& header) const {
    AgreedSecrets secrets;
    for (const Label& label : labels_) {
      const std::string kid = KeyUdf(label.key.public_key());
      auto ephemeral = EphemeralFor(header, kid);
      if (!ephemeral) continue;
      std::vector<Secret> candidates;
      candidates.push_back(Must(label.key.Agree(*ephemeral)));
      secrets.emplace(kid, std::move(candidates));
    }
    return secrets;
  }

  // Opens as a mount does: header, grant, document.
  Result<std::unique_ptr<Document>> Open(std::shared_ptr<StoredFile> file,
                                         int64_t now = kNow) const {
    RECRYPT_ASSIGN(const std::vector<Bytes> regions, ReadHeaderRegions(*file));
    Error last;
    for (const Bytes& region : regions) {
      auto opened = OpenWith(file, region, now);
      if (opened) return opened;
      last = opened.error();
    }
    return Fail(last);
  }
  Result<std::unique_ptr<Document>> OpenWith(std::shared_ptr<StoredFile> file, const Bytes& region,
                                             int64_t now = kNow) const {
    RECRYPT_ASSIGN(const Header header, ParseHeader(region));
    RECRYPT_ASSIGN(Wrapper wrapper, OpenHeader(header, Secrets(header)));
    return Document::Open(
        std::move(file),
        DocumentKeys{header.uid, header.digest, header.expression, std::move(wrapper.keys)},
        Trust(), now);
  }

 private:
  std::vector<Label> labels_;
  LabelExpression expression_;
  Author author_;
  uint32_t epoch_ = 0;
};

inline Result<Bytes> ReadAll(Document& document) {
  Bytes content(document.Size());
  RECRYPT_ASSIGN(const size_t got, document.Read(0, content));
  EXPECT_EQ(got, content.size());
  return content;
}

inline Bytes RandomContent(size_t size) {
  Bytes content(size);
  RandomBytes(content);
  return content;
}

}  // namespace recrypt

#endif  // RECRYPT_TESTS_UNIT_CORE_JCD_FIXTURE_H_
