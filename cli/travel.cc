// recryptfs travel …: leaving one's keys behind, and getting them back.
#include "client/travel.h"

#include <array>
#include <thread>

#include "cli/mount_table.h"
#include "cli/new_device_options.h"
#include "cli/open_client.h"
#include "cli/quantities.h"
#include "cli/verbs.h"

namespace recrypt {
namespace {

class TravelDepart : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("HOLDER", &holder_,
                     "Who keeps the keys: an account whose fingerprint is pinned");
    options.Value("-o,--output", "FILE", &file_, "The sealed keys, for the holder");
    options.Flag("--yes", &yes_, "Do not ask");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const AccountName holder, AccountName::Parse(holder_));
    if (file_.empty()) return Fail(ErrorCode::kInvalid, "say where the sealed keys go, with -o");
    RECRYPT_TRY(CheckNothingMounted());
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    if (!yes_) {
      RECRYPT_ASSIGN(const bool sure,
                     AskYesOrNo("This device is taken out of every label, and all keys on it are "
                                "wiped. They come back by a code and with the agreement of " +
                                holder.text() + ". Go on?"));
      if (!sure) return Fail(ErrorCode::kDenied, "nothing was changed");
    }
    std::string code;
    const auto departure = Depart(*opened, holder, file_, [&](const std::string& told) {
      code = told;
      TellCode(context, code);
    });
    // Whatever failed: with what is told here the keys come back.
    if (!departure && !code.empty()) context.out.Object(Told(code));
    if (!departure) return Fail(departure.error());
    Tell(context, *departure);
    RECRYPT_TRY(WipeDirectory(opened->directory()));
    context.out.Line("This device has no keys any more.");
    return {};
  }

 private:
  static Status CheckNothingMounted() {
    RECRYPT_ASSIGN(const auto mounts, OwnMounts());
    if (mounts.empty()) return {};
    return Fail(ErrorCode::kBusy, mounts.front().mountpoint +
                                      " is mounted, and its process holds keys: run 'recryptfs "
                                      "umount " +
                                      mounts.front().mountpoint + "' first");
  }

  void TellCode(Context& context, const std::string& code) const {
    context.out.Line("Give " + file_ + " to " + holder_ +
                     ". Learn this code, or write it where it is safe:\n\n    " + code + "\n");
    context.out.Flush();
  }

  Json Told(const std::string& code) const {
    return {{"file", file_}, {"holder", holder_}, {"code", code}};
  }

  void Tell(Context& context, const Departure& departure) const {
    Json told = Told(departure.code);
    for (const std::string& domain : departure.unreached) {
      context.out.Note("The service of " + domain +
                       " could not be told: there, this device's entries stay until another of "
                       "your devices removes it.");
    }
    Json& labels = told["labels"] = Json::array();
    for (const LabelName& label : departure.labels) labels.push_back(label.text());
    told["unreached"] = departure.unreached;
    context.out.Object(told);
    context.out.Flush();
  }

  std::string holder_, file_;
  bool yes_ = false;
  PassphraseOptions passphrase_;
};

class TravelAnswer : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("FILE", &file_, "What the traveller left");
    options.Flag("--refuse", &refuse_, "Refuse, without being asked");
    options.Value("--wait", "DURATION", &wait_,
                  "How long to wait for the traveller; 0s unless given");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const uint32_t wait, ParseDuration(wait_));
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    RECRYPT_ASSIGN(HeldParcel held, HeldParcel::Open(*opened, file_));
    const std::string& traveller = held.traveller().text();
    RECRYPT_ASSIGN(const std::string device, WaitForTraveller(held, opened->clock(), wait));
    if (!refuse_) {
      RECRYPT_ASSIGN(const bool convinced,
                     AskYesOrNo(traveller + " asks for the keys, on " + device +
                                ". Have you spoken, and are you sure that nobody forces them? "
                                "Give the keys back?"));
      refuse_ = !convinced;
    }
    RECRYPT_TRY(refuse_ ? held.Refuse() : held.Approve());
    context.out.Line(refuse_ ? "Refused: " + traveller + " is told so, and may ask again."
                             : traveller + " has the keys back.");
    context.out.Object({{"traveller", traveller}, {"device", device}, {"approved", !refuse_}});
    return {};
  }

 private:
  static Result<std::string> WaitForTraveller(HeldParcel& held, const Clock& clock, uint32_t wait) {
    const int64_t until = clock.NowSeconds() + wait;
    for (;;) {
      RECRYPT_ASSIGN(auto device, held.Look());
      if (device) return std::move(*device);
      if (clock.NowSeconds() >= until) {
        return Fail(ErrorCode::kNotFound, held.traveller().text() + " does not ask for the keys");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
  }

  std::string file_, wait_ = "0s";
  bool refuse_ = false;
  PassphraseOptions passphrase_;
};

class TravelReturn : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("ACCOUNT", &account_, "One's own account");
    device_.DeclareWithoutKeys(options);
    options.Value("--wait", "DURATION", &wait_,
                  "How long to wait for the holder; 10m unless given");
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const uint32_t wait, ParseDuration(wait_));
    RECRYPT_ASSIGN(const NewProfile wanted, device_.Wanted(account_));
    RECRYPT_ASSIGN(const std::string typed, AskLine("The code that you were given on departure:"));
    RECRYPT_ASSIGN(const MeetingCode code, MeetingCode::Parse(typed));
    RECRYPT_ASSIGN(const auto source, device_.Passphrase());
    ClientOptions options;
    options.passphrase = source.get();
    context.out.Note("Waiting for who holds the keys to agree …");
    RECRYPT_ASSIGN(const Profile profile, Return(options, wanted, code, wait));
    context.out.Line("Welcome back. This is a device of " + profile.account.text() +
                     ", whose fingerprint is " + profile.Udf() + ".");
    context.out.Object({{"account", profile.account.text()}, {"udf", profile.Udf()}});
    return {};
  }

 private:
  std::string account_, wait_ = "10m";
  NewDeviceOptions device_;
};

constexpr std::array kVerbs = {
    Verb{"travel depart", "Leave the keys with somebody, and wipe them here",
         "recryptfs travel depart carol@example.com -o bob.travel", MakeCommand<TravelDepart>},
    Verb{"travel answer", "Give a traveller the keys back, or refuse",
         "recryptfs travel answer bob.travel", MakeCommand<TravelAnswer>},
    Verb{"travel return", "Ask for one's keys, once back",
         "recryptfs travel return bob@example.com", MakeCommand<TravelReturn>},
};

}  // namespace

std::span<const Verb> TravelVerbs() { return kVerbs; }

}  // namespace recrypt
