// Adding a member, with the fingerprint shown first, and removing one.
#include "cli/console/pages.h"
#include "cli/quantities.h"
#include "client/label_admin.h"
#include "client/profile_admin.h"
#include "client/told_profile.h"

namespace recrypt {
namespace {

Result<AccountName> AccountOf(const Form& form) {
  return AccountName::Parse(FieldOf(form, "account"));
}

Html Cancel(const Desk& desk, const LabelName& label) {
  return Fill("<p><a href=\"{}\">Cancel</a></p>\n", LinkTo(desk, "label", label));
}

// Gives the label a new key where it gets one by itself: the page of the key shows how that goes.
// Else what is to be told.
Result<std::string> RollOver(Desk& desk, const LabelName& label, const AccountName& removed) {
  LabelAdmin admin(desk.client());
  RECRYPT_ASSIGN(const LabelProfile profile, admin.Show(label));
  RECRYPT_ASSIGN(const auto members, admin.Members(label));
  if (!RotatesByItself(profile.policy, members.size())) {
    return "The label has " + std::to_string(members.size()) +
           " members and keeps its key; below it can be given another.";
  }
  RECRYPT_TRY(desk.rotations().Start(label, {removed.text()}));
  return std::string();
}

std::string Sentence(const std::string& text) { return text + (text.ends_with('.') ? "" : "."); }

}  // namespace

Result<Page> AddMemberPage(Desk& desk, const Form& form) {
  RECRYPT_ASSIGN(const LabelName label, LabelOf(form));
  RECRYPT_ASSIGN(const AccountName account, AccountOf(form));
  RECRYPT_ASSIGN(const Profile profile, ProfileAsTold(desk.client(), account));
  const std::string udf = profile.Udf();
  RECRYPT_ASSIGN(const bool pinned,
                 desk.client().trust().CheckPin(TrustSubject::kAccount, account.text(), udf));
  const bool reads_only = FieldOf(form, "rights") == "read";
  const Html compared =
      pinned ? Fill("<p>This fingerprint is pinned already: it was compared before.</p>\n")
             : Fill(
                   "<p><label class=\"check\"><input type=\"checkbox\" name=\"compared\" "
                   "value=\"yes\" required> I have compared it with what {} told me by another "
                   "way, by telephone for one: it is the same.</label></p>\n",
                   account.text());
  Page page{"Add " + account.text(), {}, label, "label"};
  page.main = Fill(
      "<p>The fingerprint of {}, as its service tells it, is</p>\n<p class=\"fingerprint\"><code>{}"
      "</code></p>\n<p>The account has {} {}. As a member of {} they may {}.</p>\n",
      account.text(), udf, profile.devices.size(),
      profile.devices.size() == 1 ? "device" : "devices", label.text(),
      reads_only ? "read, and not write" : "read and write");
  page.main +=
      desk.ChangeForm("member/add",
                      {{"name", label.text()},
                       {"account", account.text()},
                       {"udf", udf},
                       {"rights", reads_only ? "read" : "write"}},
                      Fill("{}<p><button>Add {}</button></p>\n", compared, account.text()));
  page.main += Cancel(desk, label);
  return page;
}

Result<Page> AddMember(Desk& desk, const Form& form) {
  RECRYPT_ASSIGN(const LabelName label, LabelOf(form));
  RECRYPT_ASSIGN(const AccountName account, AccountOf(form));
  const std::string udf = FieldOf(form, "udf");
  RECRYPT_ASSIGN(const bool pinned,
                 desk.client().trust().CheckPin(TrustSubject::kAccount, account.text(), udf));
  if (!pinned && FieldOf(form, "compared") != "yes") {
    return Fail(ErrorCode::kInvalid,
                "the fingerprint of " + account.text() + " has to be compared before it is pinned");
  }
  // What was shown and compared is pinned; whatever else the service gives now is refused.
  if (!pinned) RECRYPT_TRY(TrustAccount(desk.client(), account, udf, PinChange::kRefuse));
  const bool reads_only = FieldOf(form, "rights") == "read";
  const MemberRights rights = reads_only ? MemberRights::kRead : MemberRights::kReadAndWrite;
  RECRYPT_ASSIGN(const auto unreached, LabelAdmin(desk.client()).AddMember(label, account, rights));
  desk.Tell(account.text() + " is a member of " + label.text() + ".");
  if (!unreached.empty()) {
    desk.Tell("Add the member again for the services that were not reached: " + Naming(unreached) +
              ".");
  }
  return GoTo(LinkTo(desk, "label", label));
}

Result<Page> RemoveMemberPage(Desk& desk, const Form& form) {
  RECRYPT_ASSIGN(const LabelName label, LabelOf(form));
  RECRYPT_ASSIGN(const AccountName account, AccountOf(form));
  LabelAdmin admin(desk.client());
  RECRYPT_ASSIGN(const LabelProfile profile, admin.Show(label));
  RECRYPT_ASSIGN(const auto members, admin.Members(label));
  const uint32_t longest = profile.policy.LongestUse();
  const int64_t until = desk.client().clock().NowSeconds() + int64_t{longest};
  // The one who goes is counted no more.
  const bool rotates = RotatesByItself(profile.policy, members.size() - (members.empty() ? 0 : 1));
  Page page{"Remove " + account.text(), {}, label, "label"};
  page.main = Fill(
      "<p>From the moment of the removal {} gets no grant of {} any more. What they have open may "
      "be read until their last lease ends: at {} at the latest, in {}.</p>\n<p>{}</p>\n",
      account.text(), label.text(), FormatLocalTime(until), FormatDuration(longest),
      rotates ? "The label gets a new key by itself, for the members who stay."
              : "The label keeps its key, unless it is given another afterwards.");
  page.main +=
      desk.ChangeForm("member/remove", {{"name", label.text()}, {"account", account.text()}},
                      Fill("<p><button class=\"danger\">Remove {}</button></p>\n", account.text()));
  page.main += Cancel(desk, label);
  return page;
}

Result<Page> RemoveMember(Desk& desk, const Form& form) {
  RECRYPT_ASSIGN(const LabelName label, LabelOf(form));
  RECRYPT_ASSIGN(const AccountName account, AccountOf(form));
  RECRYPT_ASSIGN(const RemovedMember removed,
                 LabelAdmin(desk.client()).RemoveMember(label, account));
  const int64_t until = removed.until;
  const int64_t left = until - desk.client().clock().NowSeconds();
  desk.Tell(account.text() + " is no longer a member of " + label.text() +
            (left <= 0 ? ". No lease runs any more."
                       : ". The last lease ends at " + FormatLocalTime(until) + ", in " +
                             FormatDuration(static_cast<uint64_t>(left)) + "."));
  if (!removed.left.empty()) {
    desk.Tell(
        "Remove the member again for the services that were not reached, and for a new key: " +
        Naming(removed.left) + ".");
    return GoTo(LinkTo(desk, "label", label));
  }
  const auto told = RollOver(desk, label, account);
  if (!told) {
    desk.Tell(Sentence("The new key of the label is not done with: " + told.error().message));
  } else if (!told->empty()) {
    desk.Tell(*told);
  }
  return GoTo(LinkTo(desk, "rotation", label));
}

}  // namespace recrypt
