#include "client/trust.h"

#include <sys/stat.h>
#include <time.h>

#include <array>
#include <mutex>

#include "client/durable_file.h"
#include "core/jose/jws.h"

namespace recrypt {
namespace {

constexpr size_t kMaxTrustFile = 64 << 20;
constexpr uint64_t kFormat = 1;

struct SubjectRow {
  TrustSubject subject;
  std::string_view name;
};
constexpr std::array kSubjects = {
    SubjectRow{TrustSubject::kAccount, "account"}, SubjectRow{TrustSubject::kLabel, "label"},
    SubjectRow{TrustSubject::kService, "service"}, SubjectRow{TrustSubject::kShare, "share"}};

std::string KeyOf(TrustSubject subject, const std::string& name) {
  return std::string(TrustSubjectName(subject)) + ":" + name;
}

std::string Describe(TrustSubject subject, const std::string& name) {
  return std::string(TrustSubjectName(subject)) + " " + name;
}

tl::unexpected<Error> FailChanged(const TrustPin& before, const std::string& udf) {
  return Fail(ErrorCode::kDenied, "the fingerprint of " + Describe(before.subject, before.name) +
                                      " is " + udf + ", but " + before.udf +
                                      " is pinned: it was changed, or somebody stands between");
}

Result<TrustPin> ReadPin(const std::string& key, const Json& object) {
  TrustPin pin;
  const size_t colon = key.find(':');
  const SubjectRow* row = nullptr;
  for (const SubjectRow& candidate : kSubjects) {
    if (key.substr(0, colon) == candidate.name) row = &candidate;
  }
  if (row == nullptr || colon == key.npos) {
    return Fail(ErrorCode::kCorrupt, "a pin of an unknown kind");
  }
  pin.subject = row->subject;
  pin.name = key.substr(colon + 1);
  RECRYPT_ASSIGN(pin.udf, GetString(object, "udf"));
  RECRYPT_ASSIGN(pin.how, GetString(object, "how"));
  RECRYPT_ASSIGN(pin.since, GetInt(object, "since"));
  return pin;
}

// Tells whether the file was replaced: every replacement is a new inode or a new time.
struct FileStamp {
  dev_t device = 0;
  ino_t inode = 0;
  timespec changed{};
  bool operator==(const FileStamp& other) const {
    return device == other.device && inode == other.inode &&
           changed.tv_sec == other.changed.tv_sec && changed.tv_nsec == other.changed.tv_nsec;
  }
};

FileStamp StampOf(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino, info.st_mtim};
}

// {"version":1,"pins":{"account:…":{udf,how,since}},"seen":{"account:…":{version,object}},
//  "credentials":{"label":"b64"}}
class TrustFile : public TrustStore {
 public:
  explicit TrustFile(std::string path) : path_(std::move(path)) {}

  Status Load() {
    const std::lock_guard guard(mutex_);
    return Refresh();
  }

  Status Pin(const TrustPin& pin, PinChange change) override {
    const std::lock_guard guard(mutex_);
    RECRYPT_ASSIGN(const FileLock lock, FileLock::Take(path_ + ".lock"));
    RECRYPT_TRY(Refresh());
    const std::string key = KeyOf(pin.subject, pin.name);
    RECRYPT_ASSIGN(const std::optional<TrustPin> before, Find(key));
    if (before && before->udf == pin.udf) return {};
    if (before && change == PinChange::kRefuse) return FailChanged(*before, pin.udf);
    Json changed = file_;
    changed["pins"][key] = {{"udf", pin.udf}, {"how", pin.how}, {"since", pin.since}};
    // What another key signed says nothing about the versions of this one.
    changed["seen"].erase(key);
    return Save(std::move(changed));
  }

  Status Unpin(TrustSubject subject, const std::string& name) override {
    const std::lock_guard guard(mutex_);
    RECRYPT_ASSIGN(const FileLock lock, FileLock::Take(path_ + ".lock"));
    RECRYPT_TRY(Refresh());
    const std::string key = KeyOf(subject, name);
    Json changed = file_;
    if (changed["pins"].erase(key) == 0) {
      return Fail(ErrorCode::kNotFound, Describe(subject, name) + " is not pinned");
    }
    changed["seen"].erase(key);
    return Save(std::move(changed));
  }

  Result<std::optional<TrustPin>> FindPin(TrustSubject subject, const std::string& name) override {
    const std::lock_guard guard(mutex_);
    RECRYPT_TRY(Refresh());
    return Find(KeyOf(subject, name));
  }

  Result<std::vector<TrustPin>> Pins() override {
    const std::lock_guard guard(mutex_);
    RECRYPT_TRY(Refresh());
    std::vector<TrustPin> pins;
    for (const auto& [key, object] : file_["pins"].items()) {
      RECRYPT_ASSIGN(TrustPin pin, ReadPin(key, object));
      pins.push_back(std::move(pin));
    }
    return pins;
  }

  Status Remember(TrustSubject subject, const std::string& name, uint64_t version,
                  const Json& object) override {
    const std::lock_guard guard(mutex_);
    RECRYPT_TRY(Refresh());
    RECRYPT_ASSIGN(const Verdict verdict, Judge(subject, name, version, object));
    if (verdict == Verdict::kKnown) return {};
    RECRYPT_ASSIGN(const FileLock lock, FileLock::Take(path_ + ".lock"));
    // Another process may have seen a newer one since.
    RECRYPT_TRY(Refresh());
    RECRYPT_ASSIGN(const Verdict again, Judge(subject, name, version, object));
    if (again == Verdict::kKnown) return {};
    Json changed = file_;
    changed["seen"][KeyOf(subject, name)] = {{"version", version}, {"object", object}};
    return Save(std::move(changed));
  }

  Status KeepCredential(const LabelName& label, ByteSpan credential) override {
    const std::string encoded = Base64UrlEncode(credential);
    const std::lock_guard guard(mutex_);
    RECRYPT_TRY(Refresh());
    const Json* before = FindMember(file_["credentials"], label.text());
    if (before == nullptr ? encoded.empty() : *before == encoded) return {};
    RECRYPT_ASSIGN(const FileLock lock, FileLock::Take(path_ + ".lock"));
    RECRYPT_TRY(Refresh());
    Json changed = file_;
    if (encoded.empty()) {
      changed["credentials"].erase(label.text());
    } else {
      changed["credentials"][label.text()] = encoded;
    }
    return Save(std::move(changed));
  }

  Result<Bytes> KeptCredential(const LabelName& label) override {
    const std::lock_guard guard(mutex_);
    RECRYPT_TRY(Refresh());
    const Json& credentials = file_["credentials"];
    if (FindMember(credentials, label.text()) == nullptr) return Bytes();
    return GetBytes(credentials, label.text());
  }

  Result<std::optional<Seen>> LastSeen(TrustSubject subject, const std::string& name) override {
    const std::lock_guard guard(mutex_);
    RECRYPT_TRY(Refresh());
    const Json* entry = FindMember(file_["seen"], KeyOf(subject, name));
    if (entry == nullptr) return std::optional<Seen>();
    Seen seen;
    RECRYPT_ASSIGN(seen.version, GetUint(*entry, "version"));
    RECRYPT_ASSIGN(const Json* object, GetObject(*entry, "object"));
    seen.object = *object;
    return std::optional<Seen>(std::move(seen));
  }

 private:
  enum class Verdict { kNew, kKnown };

  Result<Verdict> Judge(TrustSubject subject, const std::string& name, uint64_t version,
                        const Json& object) {
    const Json* entry = FindMember(file_["seen"], KeyOf(subject, name));
    if (entry == nullptr) return Verdict::kNew;
    RECRYPT_ASSIGN(const uint64_t before, GetUint(*entry, "version"));
    if (version > before) return Verdict::kNew;
    if (version < before) {
      return Fail(ErrorCode::kStale, Describe(subject, name) + ": version " +
                                         std::to_string(version) + " is older than version " +
                                         std::to_string(before) + ", which was seen before");
    }
    RECRYPT_ASSIGN(const Json* known, GetObject(*entry, "object"));
    if (*known == object) return Verdict::kKnown;
    // A signature made again over the same payload is no other object.
    auto known_text = PeekJws(*known);
    auto new_text = PeekJws(object);
    if (known_text && new_text && known_text->payload == new_text->payload) return Verdict::kKnown;
    return Fail(ErrorCode::kStale, Describe(subject, name) + ": two different objects of version " +
                                       std::to_string(version));
  }

  Result<std::optional<TrustPin>> Find(const std::string& key) {
    const Json* object = FindMember(file_["pins"], key);
    if (object == nullptr) return std::optional<TrustPin>();
    RECRYPT_ASSIGN(TrustPin pin, ReadPin(key, *object));
    return std::optional<TrustPin>(std::move(pin));
  }

  // Reads the file again when another process replaced it.
  Status Refresh() {
    const FileStamp stamp = StampOf(path_);
    if (loaded_ && stamp == stamp_) return {};
    auto text = ReadSmallFile(path_, kMaxTrustFile);
    if (!text && text.error().code == ErrorCode::kNotFound) {
      file_ = {{"version", kFormat},
               {"pins", Json::object()},
               {"seen", Json::object()},
               {"credentials", Json::object()}};
    } else if (!text) {
      return Fail(std::move(text.error()));
    } else {
      RECRYPT_ASSIGN(file_, Parse(AsText(*text)));
    }
    stamp_ = stamp;
    loaded_ = true;
    return {};
  }

  // Never a default for what is damaged: that would forget pins and versions.
  Result<Json> Parse(std::string_view text) const {
    auto object = ParseJson(text);
    const bool whole = object && GetUint(*object, "version").value_or(0) == kFormat &&
                       GetObject(*object, "pins") && GetObject(*object, "seen") &&
                       GetObject(*object, "credentials");
    if (!whole) return Fail(ErrorCode::kCorrupt, "the file of pins " + path_ + " is damaged");
    return std::move(*object);
  }

  Status Save(Json changed) {
    RECRYPT_TRY(ReplaceFile(path_, AsBytes(DumpJson(changed) + "\n"), FileMode::kPrivate));
    file_ = std::move(changed);
    stamp_ = StampOf(path_);
    return {};
  }

  const std::string path_;
  std::mutex mutex_;  // guards all below; taken before the lock between processes
  Json file_;
  FileStamp stamp_;
  bool loaded_ = false;
};

}  // namespace

std::string_view TrustSubjectName(TrustSubject subject) {
  for (const SubjectRow& row : kSubjects) {
    if (row.subject == subject) return row.name;
  }
  return "";
}

Result<std::unique_ptr<TrustStore>> TrustStore::Open(std::string path) {
  auto store = std::make_unique<TrustFile>(std::move(path));
  RECRYPT_TRY(store->Load());
  return std::unique_ptr<TrustStore>(std::move(store));
}

Result<bool> TrustStore::CheckPin(TrustSubject subject, const std::string& name,
                                  const std::string& udf) {
  RECRYPT_ASSIGN(const std::optional<TrustPin> pin, FindPin(subject, name));
  if (!pin) return false;
  if (pin->udf == udf) return true;
  return FailChanged(*pin, udf);
}

}  // namespace recrypt
