// recryptfs device …: the devices of one's account.
#include <unistd.h>

#include <array>
#include <thread>

#include "cli/new_device_options.h"
#include "cli/open_client.h"
#include "cli/qr_code.h"
#include "cli/quantities.h"
#include "cli/verbs.h"
#include "client/device_admin.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

class DeviceAdd : public Command {
 public:
  void Declare(Options& options) override {
    options.Value("--expires", "DURATION", &life_, "How long the code is good; 10m unless given");
    options.Flag("--no-qr", &no_qr_, "Show the code in letters alone, also on a terminal");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const uint32_t life, ParseDuration(life_));
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    const std::string& account = opened->keystore().identity().account.text();
    RECRYPT_ASSIGN(const DeviceOffer offer, DeviceOffer::Make(*opened, life));
    context.out.Line("Type this code on the new device, within " + FormatDuration(life) +
                     ":\n\n    " + offer.code() + "\n\nthere: recryptfs device join " + account);
    if (!no_qr_ && ::isatty(STDOUT_FILENO) == 1) {
      RECRYPT_ASSIGN(const std::string picture, QrCode(offer.code()));
      context.out.Control("\n" + picture);
    }
    context.out.Object({{"code", offer.code()}, {"expires", FormatTime(offer.expires())}});
    context.out.Flush();
    RECRYPT_ASSIGN(const Device device, WaitForDevice(offer));
    const std::string udf = KeyUdf(device.sign);
    const auto same = AskYesOrNo("The device " + device.name + " asks. Its fingerprint is\n\n    " +
                                 udf + "\n\nCompare it with what it shows. Is it the same?");
    if (!same || !*same) {
      RECRYPT_TRY(offer.Refuse());
      return Fail(ErrorCode::kDenied, "the device " + device.name + " was refused");
    }
    RECRYPT_ASSIGN(const auto labels, offer.Approve(device));
    RECRYPT_ASSIGN(const Profile own, OwnProfile(*opened));
    Tell(context, device, labels, !own.personal.empty());
    return {};
  }

 private:
  static Result<Device> WaitForDevice(const DeviceOffer& offer) {
    for (;;) {
      RECRYPT_ASSIGN(auto device, offer.Look());
      if (device) return std::move(*device);
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
  }

  static void Tell(Context& context, const Device& device, const std::vector<LabelName>& labels,
                   bool grouped) {
    Json listed = Json::array();
    std::string names;
    for (const LabelName& label : labels) {
      listed.push_back(label.text());
      names += (names.empty() ? "" : ", ") + label.text();
    }
    context.out.Line("Added " + device.name + "." +
                     (names.empty() ? "" : " It may read " + names + ".") +
                     (grouped ? " Labels of others it reads by your personal group."
                              : " For labels of others, run 'recryptfs label join' on it."));
    context.out.Object(
        {{"device", device.name}, {"udf", KeyUdf(device.sign)}, {"labels", std::move(listed)}});
  }

  std::string life_ = "10m";
  bool no_qr_ = false;
  PassphraseOptions passphrase_;
};

class DeviceJoin : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("ACCOUNT", &account_, "The account that this device is to belong to");
    device_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const NewProfile wanted, device_.Wanted(account_));
    RECRYPT_ASSIGN(const std::string typed, AskLine("The code that the other device shows:"));
    RECRYPT_ASSIGN(const MeetingCode code, MeetingCode::Parse(typed));
    RECRYPT_ASSIGN(const auto source, device_.Passphrase());
    ClientOptions options;
    options.passphrase = source.get();
    const auto say = [&context](const std::string& udf) {
      context.out.Note("The fingerprint of this device is\n\n    " + udf +
                       "\n\nCompare it on the other device, and approve it there.");
    };
    RECRYPT_ASSIGN(const Profile profile, JoinAccount(options, wanted, code, say));
    context.out.Line("This is a device of " + profile.account.text() +
                     " now, whose fingerprint is " + profile.Udf() + ".");
    context.out.Object({{"account", profile.account.text()}, {"udf", profile.Udf()}});
    return {};
  }

 private:
  std::string account_;
  NewDeviceOptions device_;
};

class DeviceList : public Command {
 public:
  void Declare(Options& options) override { passphrase_.Declare(options); }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    RECRYPT_ASSIGN(const Profile profile, CurrentProfile(*opened));
    const std::string own = opened->keystore().identity().DeviceUdf();
    Table table({"DEVICE", "FINGERPRINT", ""});
    Json items = Json::array();
    for (const Device& device : profile.devices) {
      const std::string udf = KeyUdf(device.sign);
      table.Row({device.name, udf, udf == own ? "this one" : ""});
      items.push_back({{"device", device.name}, {"udf", udf}, {"this", udf == own}});
    }
    context.out.List(table, items, "The account has no devices.");
    return {};
  }

 private:
  PassphraseOptions passphrase_;
};

class DeviceRemove : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("DEVICE", &device_, "Its name or fingerprint");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    RECRYPT_ASSIGN(const DeviceRemoved removed, RemoveDevice(*opened, device_));
    const int64_t left = removed.until - opened->clock().NowSeconds();
    context.out.Line("Removed " + removed.name +
                     " from all labels, for good. The last lease ends " +
                     (left <= 0 ? "at once."
                                : "at " + FormatClockTime(removed.until) + ", in " +
                                      FormatDuration(static_cast<uint64_t>(left)) + "."));
    if (removed.listed) {
      context.out.Note(
          "The profile still lists it: run this once more on the device that "
          "administers the account.");
    }
    for (const std::string& service : removed.unreached) {
      context.out.Note("Not told, run this again: " + service);
    }
    context.out.Object({{"device", removed.name},
                        {"udf", removed.udf},
                        {"until", FormatTime(removed.until)},
                        {"listed", removed.listed},
                        {"unreached", removed.unreached}});
    if (removed.unreached.empty()) return {};
    return Fail(ErrorCode::kUnavailable, "not every service knows yet that " + removed.name +
                                             " is removed: run this again until all are told");
  }

 private:
  std::string device_;
  PassphraseOptions passphrase_;
};

constexpr std::array kVerbs = {
    Verb{"device add", "Show a code by which another device joins the account",
         "recryptfs device add", MakeCommand<DeviceAdd>},
    Verb{"device join", "Make this a device of an account, by the code that another shows",
         "recryptfs device join alice@example.com --service recrypt.example.com:443",
         MakeCommand<DeviceJoin>},
    Verb{"device list", "List the devices of the account", "recryptfs device list",
         MakeCommand<DeviceList>},
    Verb{"device remove", "Take a lost device out of all labels at once",
         "recryptfs device remove phone", MakeCommand<DeviceRemove>},
};

}  // namespace

std::span<const Verb> DeviceVerbs() { return kVerbs; }

}  // namespace recrypt
