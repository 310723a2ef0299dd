#include "client/travel.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <thread>

#include "client/device_admin.h"
#include "client/durable_file.h"
#include "client/label_admin.h"
#include "client/output_file.h"
#include "client/told_pins.h"
#include "core/identity/secret_json.h"
#include "core/identity/signed_object.h"
#include "core/jose/jwe.h"
#include "core/jose/jwk.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

constexpr std::string_view kParcel = "travel parcel";
constexpr std::string_view kChannel = "travel channel";
constexpr std::string_view kRequest = "travel request";
constexpr std::string_view kAnswer = "travel answer";
constexpr size_t kMaxFile = 4 << 20;
constexpr int64_t kFileLifeSeconds = int64_t{731} * 86400;
constexpr int64_t kAnswerLifeSeconds = 3600;
// Who was refused, or not answered in time, asks again; the notes of a day count.
constexpr int kMaxAttempts = 32;
constexpr auto kLookPause = std::chrono::milliseconds(500);

std::string Numbered(std::string_view purpose, int attempt) {
  return std::string(purpose) + " " + std::to_string(attempt);
}

Device DeviceOf(const Identity& identity) {
  return {identity.device_name, identity.device_sign.public_key(),
          identity.device_encrypt.public_key()};
}

// Everything that the traveller needs to go on: a keystore, and whom it trusts.
void PackParcel(const Identity& fresh, const std::vector<TrustPin>& pins, SecretJson& into) {
  into.value["device"] = fresh.device_name;
  into.value["profile"] = fresh.profile;
  into.value["master"] = ToPrivateJwk(*fresh.master);
  into.value["sign"] = ToPrivateJwk(fresh.device_sign);
  into.value["encrypt"] = ToPrivateJwk(fresh.device_encrypt);
  into.value["pins"] = WritePins(pins);
}

Result<Identity> UnpackKeys(const Json& parcel, const AccountName& account) {
  RECRYPT_ASSIGN(std::string name, GetString(parcel, "device"));
  RECRYPT_ASSIGN(const Json* jws, GetObject(parcel, "profile"));
  RECRYPT_ASSIGN(const Profile profile, VerifyProfile(*jws));
  RECRYPT_ASSIGN(PrivateKey master, ReadPrivateKey(parcel, "master"));
  RECRYPT_ASSIGN(PrivateKey sign, ReadPrivateKey(parcel, "sign"));
  RECRYPT_ASSIGN(PrivateKey encrypt, ReadPrivateKey(parcel, "encrypt"));
  if (profile.account != account || profile.master != master.public_key()) {
    return Fail(ErrorCode::kDenied, "the keys are those of " + profile.account.text());
  }
  return Identity{account,         master.public_key(), master, std::move(name),
                  std::move(sign), std::move(encrypt),  *jws};
}

// The file: signed by the traveller, and for each device of the holder the channel to the traveller
// and the parcel, which only the code opens.
Result<Json> MakeFile(Client& client, const Profile& holder, const MeetingCode& code,
                      const Json& parcel) {
  const Identity& identity = client.keystore().identity();
  RECRYPT_ASSIGN(const PrivateKey* master, identity.Master());
  RECRYPT_ASSIGN(const ServiceProfile service,
                 client.services().At(std::string(identity.account.domain()))->Service());
  SecretJson content;
  content.value = {{"channel", code.Follow(kChannel).text()},
                   {"service", service.Udf()},
                   {"parcel", code.Seal(kParcel, parcel)}};
  Json sealed = Json::object();
  for (const Device& device : holder.devices) {
    RECRYPT_ASSIGN(sealed[KeyUdf(device.sign)], SealSecretJson(content, device.encrypt));
  }
  const int64_t now = client.clock().NowSeconds();
  return signed_object::Sign(
      {{"by", signed_object::WritePrincipal({identity.account, identity.Udf()})},
       {"master", ToJwk(identity.account_key)},
       {"for", signed_object::WritePrincipal({holder.account, holder.Udf()})},
       {"sealed", std::move(sealed)}},
      "travel", {1, now, now + kFileLifeSeconds}, *master);
}

// The label's secrets for who holds them and for `one` more.
Status ShareSecrets(Client& client, const LabelName& label, const Device& one) {
  RECRYPT_ASSIGN(AdministeredLabel opened, OpenAdministered(client, label));
  auto secrets = SealForHolders(client, opened);
  if (!secrets && opened.profile.administrators.size() > 1) {
    return Fail(ErrorCode::kForbidden, "another administrator of " + label.text() +
                                           " would lose them: " + secrets.error().message);
  }
  RECRYPT_TRY(secrets);
  RECRYPT_ASSIGN((*secrets)[KeyUdf(one.sign)], SealLabelSecrets(opened.secrets, one.encrypt));
  return PublishNext(client, opened, std::move(*secrets));
}

// Those who hold the label's secrets beside this device keep them; it does not.
Status GiveUpSecrets(Client& client, const LabelName& label) {
  RECRYPT_ASSIGN(AdministeredLabel opened, OpenAdministered(client, label));
  RECRYPT_ASSIGN(SealedSecrets secrets, SealForHolders(client, opened));
  secrets.erase(client.keystore().identity().DeviceUdf());
  // Promise: a label's secrets are never taken from the last device that has them.
  if (secrets.empty()) return {};
  return PublishNext(client, opened, std::move(secrets));
}

struct HandedOver {
  std::vector<LabelName> readable;
  std::vector<LabelName> administered;
};

// The fresh device gets what this one has of the labels that the account administers, which keeps
// it: nobody has the fresh one's keys yet but this process.
Result<HandedOver> HandOver(Client& client, const Device& fresh) {
  LabelAdmin admin(client);
  HandedOver labels;
  RECRYPT_ASSIGN(const auto listed, admin.List());
  for (const LabelAdmin::Listed& one : listed) {
    if (!one.administrator) continue;
    RECRYPT_TRY(admin.AddMember(one.label, client.keystore().identity().account));
    const Status shared = ShareSecrets(client, one.label, fresh);
    if (!shared && shared.error().code != ErrorCode::kForbidden) return Fail(shared.error());
    if (shared) labels.administered.push_back(one.label);
    labels.readable.push_back(one.label);
  }
  return labels;
}

// At the services of others first: the own one ends this device's sessions.
Result<std::vector<std::string>> TakeOut(Client& client, const HandedOver& labels) {
  const Identity& identity = client.keystore().identity();
  const std::string own = identity.DeviceUdf();
  std::vector<std::string> unreached;
  for (const auto& [domain, udf] : KnownServices(client)) {
    if (domain == identity.account.domain()) continue;
    const auto done = client.services().At(domain, udf)->DeleteDevice(identity.account, own);
    // Where it is not known, or has no entry, there is nothing to take away.
    const bool out = done || done.error().code == ErrorCode::kNotFound ||
                     done.error().code == ErrorCode::kForbidden;
    if (!out) unreached.push_back(domain);
  }
  for (const LabelName& label : labels.administered) RECRYPT_TRY(GiveUpSecrets(client, label));
  RECRYPT_TRY(UpdateProfile(client, [&own](Profile& profile) -> Status {
    std::erase_if(profile.devices,
                  [&own](const Device& device) { return KeyUdf(device.sign) == own; });
    return {};
  }));
  return unreached;
}

// Where it lies: a file that took its place would leave the old one's blocks as they were.
Status WipeFile(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat about {};
  if (!fd || fstat(fd.get(), &about) != 0) return FailErrno(errno, "wiping " + path);
  const Bytes zeros(1 << 16, 0);
  for (off_t at = 0; at < about.st_size;) {
    const size_t size = std::min<size_t>(zeros.size(), static_cast<size_t>(about.st_size - at));
    const ssize_t written = pwrite(fd.get(), zeros.data(), size, at);
    if (written <= 0) return FailErrno(written < 0 ? errno : ENOSPC, "wiping " + path);
    at += written;
  }
  if (fdatasync(fd.get()) != 0) return FailErrno(errno, "wiping " + path);
  return {};
}

}  // namespace

Result<Departure> Depart(Client& client, const AccountName& holder, const std::string& file,
                         const std::function<void(const std::string& code)>& tell) {
  const Identity& identity = client.keystore().identity();
  RECRYPT_TRY(identity.Master());
  if (holder == identity.account) {
    return Fail(ErrorCode::kInvalid, "what leaves with you cannot stay with you: name another");
  }
  RECRYPT_ASSIGN(const auto holds,
                 client.profiles().Account(holder, ProfileUse::kWrite, Freshness::kFetch));
  RECRYPT_ASSIGN(OutputFile out, OutputFile::Make(file, Overwrite::kRefuse));
  NewProfile wanted{identity.account, {}, identity.device_name, Sealing::kNone, Curve::kX25519};
  if (identity.device_encrypt.curve() == Curve::kP256) wanted.curve = Curve::kP256;
  Identity fresh = MakeDeviceIdentity(wanted);
  RECRYPT_TRY(UpdateProfile(client, [&fresh](Profile& profile) -> Status {
    profile.devices.push_back(DeviceOf(fresh));
    return {};
  }));
  Departure departure;
  RECRYPT_ASSIGN(const HandedOver labels, HandOver(client, DeviceOf(fresh)));
  departure.labels = labels.readable;
  fresh.account_key = identity.account_key;
  fresh.master = identity.master;
  fresh.profile = client.keystore().identity().profile;
  const MeetingCode code = MeetingCode::Generate();
  RECRYPT_ASSIGN(const auto pins, client.trust().Pins());
  SecretJson parcel;
  PackParcel(fresh, pins, parcel);
  RECRYPT_ASSIGN(const Json jws, MakeFile(client, *holds, code, parcel.value));
  RECRYPT_TRY(out.Write(AsBytes(DumpJson(jws) + "\n")));
  // Promise: the keys are safe with the holder, and the traveller knows the code, before this
  // device loses anything.
  RECRYPT_TRY(out.Commit(0644));
  departure.code = code.text();
  tell(departure.code);
  auto taken_out = TakeOut(client, labels);
  if (!taken_out) {
    return Fail(taken_out.error(), "the keys are in " + file +
                                       ", and the code is good, but this device is not out of "
                                       "everything and keeps its keys");
  }
  departure.unreached = std::move(*taken_out);
  return departure;
}

Status WipeDirectory(const ConfigDirectory& directory) {
  std::error_code problem;
  Status wiped;
  std::filesystem::recursive_directory_iterator file(directory.path(), problem);
  for (const std::filesystem::recursive_directory_iterator end; !problem && file != end;
       file.increment(problem)) {
    std::error_code unknown;
    if (!file->is_regular_file(unknown) || file->is_symlink(unknown)) continue;
    Status one = WipeFile(file->path().string());
    if (wiped) wiped = std::move(one);
  }
  if (problem && wiped) wiped = FailErrno(problem.value(), "wiping " + directory.path());
  std::filesystem::remove_all(directory.path(), problem);
  if (problem) return FailErrno(problem.value(), "removing " + directory.path());
  return wiped;
}

HeldParcel::HeldParcel(AccountName traveller, std::shared_ptr<ServiceClient> service,
                       MeetingCode channel, Json parcel, const Clock& clock)
    : traveller_(std::move(traveller)),
      service_(std::move(service)),
      channel_(std::move(channel)),
      parcel_(std::move(parcel)),
      clock_(clock) {}

Result<HeldParcel> HeldParcel::Open(Client& client, const std::string& file) {
  const Identity& identity = client.keystore().identity();
  RECRYPT_ASSIGN(const Bytes text, ReadSmallFile(file, kMaxFile));
  RECRYPT_ASSIGN(const Json jws, ParseJson(AsText(text)));
  RECRYPT_ASSIGN(const Json payload, signed_object::Peek(jws, "travel"));
  RECRYPT_ASSIGN(const Json* by_object, GetObject(payload, "by"));
  RECRYPT_ASSIGN(const Principal by, signed_object::ReadPrincipal(*by_object));
  RECRYPT_ASSIGN(const PublicKey master,
                 signed_object::ReadKey(payload, "master", signed_object::KeyUse::kSign));
  RECRYPT_TRY(signed_object::Verify(jws, master));
  RECRYPT_ASSIGN(const bool pinned,
                 client.trust().CheckPin(TrustSubject::kAccount, by.account.text(), by.udf));
  if (!pinned || KeyUdf(master) != by.udf) {
    return Fail(ErrorCode::kDenied, file + " is signed by " + KeyUdf(master) +
                                        ", which is not pinned for " + by.account.text());
  }
  RECRYPT_ASSIGN(const Json* sealed, GetObject(payload, "sealed"));
  const Json* mine = FindMember(*sealed, identity.DeviceUdf());
  if (mine == nullptr) {
    return Fail(ErrorCode::kDenied, file + " is not for a device of " + identity.account.text());
  }
  SecretJson content;
  RECRYPT_TRY(OpenSecretJson(*mine, identity.device_encrypt, content));
  RECRYPT_ASSIGN(const std::string channel_text, GetString(content.value, "channel"));
  RECRYPT_ASSIGN(MeetingCode channel, MeetingCode::Parse(channel_text));
  RECRYPT_ASSIGN(const std::string service, GetString(content.value, "service"));
  RECRYPT_ASSIGN(const Json* parcel, GetObject(content.value, "parcel"));
  return HeldParcel(by.account, client.services().At(std::string(by.account.domain()), service),
                    std::move(channel), *parcel, client.clock());
}

Result<std::optional<std::string>> HeldParcel::Look() {
  std::optional<std::string> name;
  for (int attempt = 1; attempt <= kMaxAttempts; ++attempt) {
    const auto request = channel_.Find(*service_, Numbered(kRequest, attempt));
    if (!request && request.error().code == ErrorCode::kNotFound) break;
    if (!request && request.error().code == ErrorCode::kStale) continue;
    if (!request) return Fail(request.error());
    const auto answered = channel_.Find(*service_, Numbered(kAnswer, attempt));
    if (answered || answered.error().code != ErrorCode::kNotFound) continue;
    RECRYPT_ASSIGN(name, GetString(*request, "name"));
    attempt_ = attempt;
  }
  return name;
}

Status HeldParcel::Answer(const Json& answer) const {
  return channel_.Leave(*service_, Numbered(kAnswer, attempt_), answer,
                        clock_.NowSeconds() + kAnswerLifeSeconds);
}

Status HeldParcel::Approve() const {
  RECRYPT_ASSIGN(const Json request, channel_.Find(*service_, Numbered(kRequest, attempt_)));
  RECRYPT_ASSIGN(const Json* jwk, GetObject(request, "key"));
  RECRYPT_ASSIGN(const PublicKey key, PublicKeyFromJwk(*jwk));
  const std::string text = DumpJson(parcel_);
  RECRYPT_ASSIGN(const Json jwe, EncryptJwe(key, AsBytes(text)));
  return Answer({{"parcel", jwe}});
}

Status HeldParcel::Refuse() const { return Answer({{"refused", true}}); }

namespace {

// Leaves the request under the first number that is free, which is returned.
Result<int> Ask(ServiceClient& service, const MeetingCode& channel, const Json& request,
                int64_t until) {
  for (int attempt = 1; attempt <= kMaxAttempts; ++attempt) {
    const Status asked = channel.Leave(service, Numbered(kRequest, attempt), request, until);
    if (asked) return attempt;
    if (asked.error().code != ErrorCode::kExists) return Fail(asked.error());
  }
  return Fail(ErrorCode::kQuota, "the code was tried too often: wait for a day");
}

Result<Json> WaitForAnswer(ServiceClient& service, const MeetingCode& channel, int attempt,
                           const Clock& clock, int64_t until) {
  while (clock.NowSeconds() < until) {
    auto answer = channel.Find(service, Numbered(kAnswer, attempt));
    if (answer || answer.error().code != ErrorCode::kNotFound) return answer;
    std::this_thread::sleep_for(kLookPause);
  }
  return Fail(ErrorCode::kStale, "who holds the keys did not answer in time: ask again");
}

Result<Json> ParcelIn(const Json& answer, const PrivateKey& key) {
  if (FindMember(answer, "refused") != nullptr) {
    return Fail(ErrorCode::kDenied, "who holds the keys refuses to give them back");
  }
  RECRYPT_ASSIGN(const Json* jwe, GetObject(answer, "parcel"));
  RECRYPT_ASSIGN(const Secret text, DecryptJwe(*jwe, key));
  return ParseJson(AsText(text.Reveal()));
}

// The profile as it was published last: the one in the parcel still lists the device that left.
Result<Json> NewestProfile(ServiceClient& service, const Identity& identity) {
  RECRYPT_ASSIGN(Json jws, service.GetStatic("Profile", identity.account.text()));
  RECRYPT_ASSIGN(const Profile profile, VerifyProfile(jws));
  const bool listed =
      std::any_of(profile.devices.begin(), profile.devices.end(),
                  [&](const Device& one) { return one.sign == identity.device_sign.public_key(); });
  if (profile.account == identity.account && profile.master == identity.account_key && listed) {
    return jws;
  }
  return Fail(ErrorCode::kDenied, "the profile of " + identity.account.text() +
                                      " no longer lists the device that was left behind");
}

}  // namespace

Result<Profile> Return(const ClientOptions& options, const NewProfile& wanted,
                       const MeetingCode& code, int64_t patience) {
  RECRYPT_ASSIGN(const NewKeystore fresh, PrepareKeystore(options, wanted));
  // A device for this one conversation.
  const auto device = std::make_shared<Identity>(MakeDeviceIdentity(wanted));
  RECRYPT_ASSIGN(const auto client, Client::OpenAs(options, device));
  const auto service = client->services().At(std::string(wanted.account.domain()));
  const MeetingCode channel = code.Follow(kChannel);
  const int64_t until = client->clock().NowSeconds() + patience;
  RECRYPT_ASSIGN(const int attempt, Ask(*service, channel,
                                        {{"name", device->device_name},
                                         {"key", ToJwk(device->device_encrypt.public_key())}},
                                        until));
  RECRYPT_ASSIGN(const Json answer,
                 WaitForAnswer(*service, channel, attempt, client->clock(), until));
  RECRYPT_ASSIGN(const Json sealed, ParcelIn(answer, device->device_encrypt));
  RECRYPT_ASSIGN(Json opened, code.Open(kParcel, sealed));
  const SecretJson parcel(std::move(opened));
  RECRYPT_ASSIGN(Identity identity, UnpackKeys(parcel.value, wanted.account));
  RECRYPT_ASSIGN(identity.profile, NewestProfile(*service, identity));
  RECRYPT_ASSIGN(Profile profile, VerifyProfile(identity.profile));
  RECRYPT_TRY(TakePins(parcel.value, client->trust()));
  RECRYPT_TRY(Keystore::Create(fresh.path, std::move(identity), fresh.passphrase));
  return profile;
}

}  // namespace recrypt
