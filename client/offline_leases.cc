#include "client/offline_leases.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "client/durable_file.h"
#include "core/crypto/symmetric.h"
#include "core/identity/secret_json.h"
#include "core/jcd/data_keys.h"

namespace recrypt {
namespace {

constexpr size_t kMaxWaiting = 4096;
constexpr int64_t kSweepPauseMs = 600'000;
constexpr size_t kMaxFile = 1 << 16;
constexpr size_t kNameBytes = 16;
constexpr std::string_view kSuffix = ".lease";

// Says neither which document nor which label it is.
std::string NameOf(const Header& header) {
  Bytes both = ToBytes(header.uid);
  Append(both, header.digest);
  const Sha256Digest digest = Sha256(both);
  return Base64UrlEncode(ByteSpan(digest).first(kNameBytes)) + std::string(kSuffix);
}

void ToJson(const OfflineLease& lease, Json& object) {
  object["document"] = Base64UrlEncode(lease.keys.uid);
  object["header"] = Base64UrlEncode(lease.keys.header_digest);
  object["name"] = lease.name;
  object["given"] = FormatTime(lease.given);
  object["until"] = FormatTime(lease.until);
  Json& keys = object["keys"] = Json::array();
  for (const DataKey& key : lease.keys.keys) {
    Json& one = keys.emplace_back(Json::object());
    one["n"] = key.number;
    one["k"] = Base64UrlEncode(key.key.Reveal());
  }
  Json& grants = object["grants"] = Json::array();
  for (const GrantedBy& grant : lease.grants) {
    grants.push_back({{"domain", grant.domain}, {"service", grant.udf}, {"key", grant.kid}});
  }
  Json& labels = object["labels"] = Json::array();
  for (const LabelName& label : lease.labels) labels.push_back(label.text());
}

Result<int64_t> ReadTime(const Json& object, std::string_view member) {
  RECRYPT_ASSIGN(const std::string text, GetString(object, member));
  return ParseTime(text);
}

Result<std::vector<DataKey>> ReadKeys(const Json& object) {
  RECRYPT_ASSIGN(const Json* list, GetArray(object, "keys"));
  std::vector<DataKey> keys;
  for (const Json& item : *list) {
    RECRYPT_ASSIGN(const uint64_t number, GetUint(item, "n"));
    RECRYPT_ASSIGN(Bytes bytes, GetBytes(item, "k"));
    keys.push_back({static_cast<uint32_t>(number), Secret::TakeFrom(bytes)});
  }
  RECRYPT_TRY(DataKeys::Check(keys));
  return keys;
}

Result<OfflineLease> FromJson(const Json& object, const Header& header) {
  OfflineLease lease{{header.uid, header.digest, header.expression, {}}, "", {}, {}, 0, 0};
  RECRYPT_ASSIGN(const Bytes document, GetBytes(object, "document"));
  RECRYPT_ASSIGN(const Bytes digest, GetBytes(object, "header"));
  if (document != ToBytes(header.uid) || digest != ToBytes(header.digest)) {
    return Fail(ErrorCode::kCorrupt, "it is of another document");
  }
  RECRYPT_ASSIGN(lease.name, GetString(object, "name"));
  RECRYPT_ASSIGN(lease.given, ReadTime(object, "given"));
  RECRYPT_ASSIGN(lease.until, ReadTime(object, "until"));
  RECRYPT_ASSIGN(lease.keys.keys, ReadKeys(object));
  RECRYPT_ASSIGN(const Json* grants, GetArray(object, "grants"));
  for (const Json& item : *grants) {
    GrantedBy& grant = lease.grants.emplace_back();
    RECRYPT_ASSIGN(grant.domain, GetString(item, "domain"));
    RECRYPT_ASSIGN(grant.udf, GetString(item, "service"));
    RECRYPT_ASSIGN(grant.kid, GetString(item, "key"));
  }
  RECRYPT_ASSIGN(const Json* labels, GetArray(object, "labels"));
  for (const Json& item : *labels) {
    RECRYPT_ASSIGN(const std::string text, GetString({{"label", item}}, "label"));
    RECRYPT_ASSIGN(LabelName label, LabelName::Parse(text));
    lease.labels.push_back(std::move(label));
  }
  return lease;
}

// The end stands outside of the seal too, for who takes away what has ended; only the one inside
// counts for opening.
Result<int64_t> EndOf(const std::string& path) {
  RECRYPT_ASSIGN(const Bytes text, ReadSmallFile(path, kMaxFile));
  RECRYPT_ASSIGN(const Json file, ParseJson(AsText(text)));
  return ReadTime(file, "until");
}

}  // namespace

OfflineLease OfflineLease::Clone() const {
  return {keys.Clone(), name, grants, labels, given, until};
}

OfflineLeases::OfflineLeases(std::string folder, const Clock& clock,
                             std::shared_ptr<const Identity> identity, size_t most)
    : folder_(std::move(folder)), clock_(clock), identity_(std::move(identity)), most_(most) {
  (void)thread_.Post([this] { Sweep(); });
}

OfflineLeases::~OfflineLeases() { Stop(); }

void OfflineLeases::Stop() {
  {
    const std::lock_guard guard(mutex_);
    if (stopped_) return;
    stopped_ = true;
  }
  thread_.Stop();
  WriteWaiting();
}

void OfflineLeases::Keep(const Header& header, OfflineLease lease, uint32_t seconds) {
  if (!identity_ || seconds == 0) return;
  lease.until = lease.given + seconds;
  auto kept = std::make_shared<const OfflineLease>(std::move(lease));
  {
    const std::lock_guard guard(mutex_);
    if (stopped_ || waiting_.size() >= kMaxWaiting) return;
    waiting_.insert_or_assign(NameOf(header), std::move(kept));
  }
  (void)thread_.Post([this] { WriteWaiting(); });
}

void OfflineLeases::WriteWaiting() {
  const std::lock_guard writing(writing_);
  for (;;) {
    std::string name;
    std::shared_ptr<const OfflineLease> lease;
    {
      const std::lock_guard guard(mutex_);
      if (waiting_.empty()) return;
      name = waiting_.begin()->first;
      lease = waiting_.begin()->second;
    }
    Write(name, *lease);
    const std::lock_guard guard(mutex_);
    const auto found = waiting_.find(name);
    if (found != waiting_.end() && found->second == lease) waiting_.erase(found);
  }
}

void OfflineLeases::Write(const std::string& name, const OfflineLease& lease) {
  const std::string path = FileOf(name);
  if (clock_.MonotonicMillis() >= next_sweep_ms_) Sweep();
  const auto before = EndOf(path);
  if (before && *before >= lease.until) return;
  {
    const std::lock_guard guard(mutex_);
    if (!before && count_ >= most_) return;
    if (!before) ++count_;
  }
  SecretJson object;
  ToJson(lease, object.value);
  const auto sealed = SealSecretJson(object, identity_->device_encrypt.public_key());
  if (!sealed || !MakePrivateDirectory(folder_)) return;
  const Json file{{"until", FormatTime(lease.until)}, {"sealed", *sealed}};
  const std::string text = DumpJson(file) + "\n";
  // Renamed into place, so that nobody reads half of one.
  const std::string fresh = path + "." + std::to_string(getpid());
  const UniqueFd fd(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  const bool whole =
      fd && write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!whole || rename(fresh.c_str(), path.c_str()) != 0) (void)unlink(fresh.c_str());
}

Result<OfflineLease> OfflineLeases::Read(const std::string& name, const Header& header) const {
  RECRYPT_ASSIGN(const Bytes text, ReadSmallFile(FileOf(name), kMaxFile));
  RECRYPT_ASSIGN(const Json file, ParseJson(AsText(text)));
  RECRYPT_ASSIGN(const Json* sealed, GetObject(file, "sealed"));
  SecretJson object;
  RECRYPT_TRY(OpenSecretJson(*sealed, identity_->device_encrypt, object));
  return FromJson(object.value, header);
}

Result<OfflineLease> OfflineLeases::Find(const Header& header) {
  const auto none = [] { return Fail(ErrorCode::kNotFound, "no offline lease"); };
  if (!identity_) return none();
  const std::string name = NameOf(header);
  std::shared_ptr<const OfflineLease> waiting;
  {
    const std::lock_guard guard(mutex_);
    const auto found = waiting_.find(name);
    if (found != waiting_.end()) waiting = found->second;
  }
  auto lease = waiting ? Result<OfflineLease>(waiting->Clone()) : Read(name, header);
  if (!lease && lease.error().code == ErrorCode::kNotFound) return none();
  if (!lease) return Fail(ErrorCode::kCorrupt, "the offline lease in " + FileOf(name));
  // A clock that was set back does not make it longer, nor bring back what was seen to have ended.
  const int64_t now = clock_.NowSeconds();
  if (now >= lease->until) Forget(header);
  if (now < lease->given || now >= lease->until) return none();
  return lease;
}

void OfflineLeases::Forget(const Header& header) {
  const std::string name = NameOf(header);
  const std::lock_guard writing(writing_);
  {
    const std::lock_guard guard(mutex_);
    waiting_.erase(name);
  }
  (void)unlink(FileOf(name).c_str());
}

void OfflineLeases::Wipe() {
  const std::lock_guard writing(writing_);
  const std::lock_guard guard(mutex_);
  waiting_.clear();
  count_ = 0;
  (void)WipeFolder(folder_);
}

// They are sealed, so that to take their names away is enough.
Status OfflineLeases::WipeFolder(const std::string& folder) {
  std::error_code problem;
  std::filesystem::remove_all(folder, problem);
  if (problem) return FailErrno(problem.value(), "removing " + folder);
  return {};
}

void OfflineLeases::Sweep() {
  next_sweep_ms_ = clock_.MonotonicMillis() + kSweepPauseMs;
  std::error_code problem;
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, problem)) {
    const std::string path = entry.path().string();
    const auto end = EndOf(path);
    if (end && *end > clock_.NowSeconds()) {
      ++count;
    } else {
      (void)unlink(path.c_str());
    }
  }
  const std::lock_guard guard(mutex_);
  count_ = count;
}

}  // namespace recrypt
