#include "client/device_admin.h"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <thread>

#include "client/label_admin.h"
#include "client/label_rotation.h"
#include "client/personal_key.h"
#include "client/told_pins.h"
#include "core/jose/jwk.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

constexpr std::string_view kOffer = "device offer";
constexpr std::string_view kRequest = "device request";
constexpr std::string_view kAnswer = "device answer";
constexpr auto kLookPause = std::chrono::milliseconds(500);

Result<PublicKey> ReadPublicKey(const Json& object, std::string_view member) {
  RECRYPT_ASSIGN(const Json* jwk, GetObject(object, member));
  return PublicKeyFromJwk(*jwk);
}

std::shared_ptr<ServiceClient> HomeOf(Client& client, const AccountName& account) {
  return client.services().At(std::string(account.domain()));
}

// What the code says about the account; errors in the words of who typed it.
Result<std::string> FingerprintOffered(ServiceClient& service, const MeetingCode& code,
                                       const AccountName& account) {
  auto offer = code.Find(service, kOffer);
  if (!offer && offer.error().code == ErrorCode::kNotFound) {
    return Fail(ErrorCode::kNotFound,
                "the code is wrong: no device of " + account.text() + " shows it");
  }
  if (!offer && offer.error().code == ErrorCode::kStale) {
    return Fail(ErrorCode::kStale,
                "the code has expired: run 'recryptfs device add' again on the "
                "other device");
  }
  if (!offer) return Fail(offer.error());
  RECRYPT_ASSIGN(const std::string offered, GetString(*offer, "account"));
  if (offered != account.text()) {
    return Fail(ErrorCode::kDenied, "the code is one of " + offered + ", not of " + account.text());
  }
  return GetString(*offer, "udf");
}

Status Ask(ServiceClient& service, const MeetingCode& code, const Identity& device,
           int64_t expires) {
  const Status asked = code.Leave(service, kRequest,
                                  {{"name", device.device_name},
                                   {"sign", ToJwk(device.device_sign.public_key())},
                                   {"encrypt", ToJwk(device.device_encrypt.public_key())}},
                                  expires);
  if (asked || asked.error().code != ErrorCode::kExists) return asked;
  return Fail(ErrorCode::kExists,
              "the code was used before: run 'recryptfs device add' again on "
              "the other device");
}

Result<Json> WaitForAnswer(ServiceClient& service, const MeetingCode& code, const Clock& clock,
                           int64_t expires) {
  while (clock.NowSeconds() < expires) {
    auto answer = code.Find(service, kAnswer);
    if (answer || answer.error().code != ErrorCode::kNotFound) return answer;
    std::this_thread::sleep_for(kLookPause);
  }
  return Fail(ErrorCode::kStale, "the other device did not answer before the code expired");
}

// The profile in the answer, if it is the account's and lists this device.
Result<Json> AcceptedProfile(const Json& answer, const Identity& device, const std::string& udf) {
  if (FindMember(answer, "refused") != nullptr) {
    return Fail(ErrorCode::kDenied,
                "the other device refused this one: compare the fingerprints, and begin there with "
                "'recryptfs device add' again");
  }
  RECRYPT_ASSIGN(const Json* jws, GetObject(answer, "profile"));
  RECRYPT_ASSIGN(const Profile profile, VerifyProfile(*jws));
  const bool listed =
      std::any_of(profile.devices.begin(), profile.devices.end(), [&device](const Device& one) {
        return one.sign == device.device_sign.public_key() &&
               one.encrypt == device.device_encrypt.public_key();
      });
  if (profile.account != device.account || profile.Udf() != udf || !listed) {
    return Fail(ErrorCode::kDenied, "the profile that came is not one of " + device.account.text() +
                                        " " + udf + " with this device");
  }
  return *jws;
}

// A note has not room for all that somebody may have pinned in years.
constexpr size_t kMaxToldPins = 200;

// The accounts that are trusted here, by which the new device trusts their labels too.
Result<Json> PinsToTell(TrustStore& trust) {
  RECRYPT_ASSIGN(std::vector<TrustPin> pins, trust.Pins());
  std::erase_if(pins, [](const TrustPin& pin) { return pin.subject != TrustSubject::kAccount; });
  if (pins.size() > kMaxToldPins) pins.erase(pins.begin() + kMaxToldPins, pins.end());
  return WritePins(pins);
}

// True when the personal group is in the label: it needs nothing for another device of the group.
Result<bool> GroupIsIn(LabelAdmin& admin, const LabelName& label, const Profile& own) {
  if (own.personal.empty() || label == own.PersonalGroup()) return false;
  RECRYPT_ASSIGN(const auto members, admin.Members(label));
  const std::string group = KeyUdf(own.personal.front().sign);
  return std::ranges::any_of(members, [&](const LabelMember& member) {
    return member.account == own.account.text() &&
           std::ranges::find(member.devices, group) != member.devices.end();
  });
}

// A group that lost a device gets another key, for what is sealed to it from now on, and another
// one to write by.
Status RenewGroup(Client& client, const Profile& own) {
  RECRYPT_ASSIGN(const Rotated rotated, RotateLabel(client, own.PersonalGroup(), {}));
  return AddPersonalKey(client, rotated.profile.key);
}

// The newest profile, to a service of another domain that may know the devices of the personal
// group by an older one; those where the group is no member of a label want none.
void Present(Client& client, const LabelProfile::Service& service) {
  const Identity& identity = client.keystore().identity();
  if (service.domain == identity.account.domain()) return;
  const auto seen = client.trust().LastSeen(TrustSubject::kAccount, identity.account.text());
  if (!seen || !*seen) return;
  (void)client.services().At(service.domain, service.udf)->SetProfile((*seen)->object);
}

}  // namespace

std::vector<LabelProfile::Service> KnownServices(Client& client) {
  std::vector<LabelProfile::Service> known;
  const auto add = [&known](const std::string& domain, const std::string& udf) {
    const auto found = std::ranges::find(known, domain, &LabelProfile::Service::domain);
    if (found == known.end()) {
      known.push_back({domain, udf});
    } else if (found->udf.empty()) {
      found->udf = udf;
    }
  };
  add(std::string(client.keystore().identity().account.domain()), "");
  for (const auto& [domain, address] : client.config().services) add(domain, "");
  const auto own = OwnProfile(client);
  if (!own) return known;
  for (const Profile::OwnedLabel& owned : own->labels) {
    const auto label = client.profiles().Label(owned.label, ProfileUse::kRead);
    if (!label || (*label)->services.size() == 1) continue;
    for (const auto& [domain, udf] : (*label)->services) add(domain, udf);
  }
  return known;
}

DeviceOffer::DeviceOffer(Client& client, MeetingCode code, int64_t expires)
    : client_(client),
      service_(HomeOf(client, client.keystore().identity().account)),
      code_(std::move(code)),
      expires_(expires) {}

Result<DeviceOffer> DeviceOffer::Make(Client& client, int64_t life_seconds) {
  const Identity& identity = client.keystore().identity();
  RECRYPT_TRY(identity.Master());
  DeviceOffer offer(client, MeetingCode::Generate(), client.clock().NowSeconds() + life_seconds);
  RECRYPT_TRY(offer.code_.Leave(*offer.service_, kOffer,
                                {{"account", identity.account.text()}, {"udf", identity.Udf()}},
                                offer.expires_));
  return offer;
}

Result<std::optional<Device>> DeviceOffer::Look() const {
  if (client_.clock().NowSeconds() >= expires_) {
    return Fail(ErrorCode::kStale, "the code has expired, and no device asked");
  }
  const auto request = code_.Find(*service_, kRequest);
  if (!request && request.error().code == ErrorCode::kNotFound) return std::nullopt;
  if (!request) return Fail(request.error());
  RECRYPT_ASSIGN(std::string name, GetString(*request, "name"));
  RECRYPT_ASSIGN(PublicKey sign, ReadPublicKey(*request, "sign"));
  RECRYPT_ASSIGN(PublicKey encrypt, ReadPublicKey(*request, "encrypt"));
  return Device{std::move(name), std::move(sign), std::move(encrypt)};
}

Result<std::vector<LabelName>> DeviceOffer::Approve(const Device& device) const {
  RECRYPT_TRY(UpdateProfile(client_, [&device](Profile& profile) -> Status {
    const bool taken = std::any_of(profile.devices.begin(), profile.devices.end(),
                                   [&](const Device& one) { return one.name == device.name; });
    if (taken) return Fail(ErrorCode::kExists, "there is a device " + device.name + " already");
    profile.devices.push_back(device);
    return {};
  }));
  RECRYPT_ASSIGN(const Profile own, OwnProfile(client_));
  LabelAdmin admin(client_);
  std::vector<LabelName> labels;
  RECRYPT_ASSIGN(const auto listed, admin.List());
  for (const LabelAdmin::Listed& one : listed) {
    if (!one.administrator) continue;
    RECRYPT_ASSIGN(const bool has_group, GroupIsIn(admin, one.label, own));
    if (!has_group) {
      RECRYPT_TRY(admin.AddMember(one.label, client_.keystore().identity().account));
    }
    labels.push_back(one.label);
  }
  RECRYPT_ASSIGN(Json pins, PinsToTell(client_.trust()));
  RECRYPT_TRY(code_.Leave(
      *service_, kAnswer,
      {{"profile", client_.keystore().identity().profile}, {"pins", std::move(pins)}}, expires_));
  return labels;
}

Status DeviceOffer::Refuse() const {
  return code_.Leave(*service_, kAnswer, {{"refused", true}}, expires_);
}

Result<Profile> JoinAccount(const ClientOptions& options, const NewProfile& wanted,
                            const MeetingCode& code,
                            const std::function<void(const std::string& udf)>& say) {
  RECRYPT_ASSIGN(const NewKeystore fresh, PrepareKeystore(options, wanted));
  // Nobody's profile yet: sessions are made with the device's own key alone.
  const auto device = std::make_shared<Identity>(MakeDeviceIdentity(wanted));
  RECRYPT_ASSIGN(const auto client, Client::OpenAs(options, device));
  const auto service = HomeOf(*client, wanted.account);
  RECRYPT_ASSIGN(const std::string udf, FingerprintOffered(*service, code, wanted.account));
  const int64_t expires = client->clock().NowSeconds() + kCodeLifeSeconds;
  RECRYPT_TRY(Ask(*service, code, *device, expires));
  say(device->DeviceUdf());
  RECRYPT_ASSIGN(const Json answer, WaitForAnswer(*service, code, client->clock(), expires));
  Identity identity = *device;
  RECRYPT_ASSIGN(identity.profile, AcceptedProfile(answer, identity, udf));
  RECRYPT_ASSIGN(Profile profile, VerifyProfile(identity.profile));
  identity.account_key = profile.master;
  RECRYPT_TRY(TakePins(answer, client->trust()));
  RECRYPT_TRY(client->trust().Pin(
      {TrustSubject::kAccount, wanted.account.text(), udf, "own", client->clock().NowSeconds()},
      PinChange::kReplace));
  RECRYPT_TRY(Keystore::Create(fresh.path, std::move(identity), fresh.passphrase));
  return profile;
}

Result<Profile> CurrentProfile(Client& client) {
  const AccountName& account = client.keystore().identity().account;
  RECRYPT_ASSIGN(const auto profile,
                 client.profiles().Account(account, ProfileUse::kRead, Freshness::kFetch));
  return *profile;
}

Result<DeviceRemoved> RemoveDevice(Client& client, const std::string& name_or_udf) {
  const Identity& identity = client.keystore().identity();
  RECRYPT_ASSIGN(const Profile profile, CurrentProfile(client));
  const auto normal = NormalizeUdf(name_or_udf);
  const auto found =
      std::find_if(profile.devices.begin(), profile.devices.end(), [&](const Device& device) {
        return device.name == name_or_udf || (normal && KeyUdf(device.sign) == *normal);
      });
  if (found == profile.devices.end()) {
    return Fail(ErrorCode::kNotFound, identity.account.text() + " has no device " + name_or_udf +
                                          "; 'recryptfs device list' lists them");
  }
  DeviceRemoved removed{found->name, KeyUdf(found->sign), 0, !identity.master, {}};
  if (removed.udf == identity.DeviceUdf()) {
    return Fail(ErrorCode::kInvalid, "this is the device itself: remove it on another one");
  }
  bool known = false;
  for (const LabelProfile::Service& service : KnownServices(client)) {
    if (!profile.personal.empty()) Present(client, service);
    const auto until = client.services()
                           .At(service.domain, service.udf)
                           ->DeleteDevice(identity.account, removed.udf);
    if (until) {
      removed.until = std::max(removed.until, *until);
      known = true;
    } else if (until.error().code != ErrorCode::kNotFound &&
               until.error().code != ErrorCode::kForbidden) {
      removed.unreached.push_back(service.domain + ": " + until.error().message);
    }
  }
  if (!known && !removed.unreached.empty()) {
    return Fail(ErrorCode::kUnavailable, "nothing was removed: " + removed.unreached.front());
  }
  if (identity.master) {
    RECRYPT_TRY(UpdateProfile(client, [&removed](Profile& own) -> Status {
      std::erase_if(own.devices,
                    [&](const Device& device) { return KeyUdf(device.sign) == removed.udf; });
      return {};
    }));
    if (!profile.personal.empty()) {
      RECRYPT_TRY(RenewGroup(client, profile));
      for (const auto& service : KnownServices(client)) Present(client, service);
    }
  }
  return removed;
}

}  // namespace recrypt
