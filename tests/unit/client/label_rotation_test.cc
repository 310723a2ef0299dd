// A label's new key: who has it, what stays readable, and what is left by whoever is interrupted.
#include "client/label_rotation.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "client/label_keys.h"
#include "core/udf/udf.h"
#include "service/sql_connection.h"
#include "tests/full_run.h"
#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

using Next = TamperingTransport::Next;

bool Has(const HttpPost& post, const std::string& text) {
  return post.body.find(text) != std::string::npos;
}

class LabelRotationTest : public testing::Test {
 protected:
  static std::unique_ptr<Access> AccessOf(TestUser& user) {
    user.Reopen();  // as a program that is started now
    return user.client().MakeAccess();
  }
  NewDocument Created(TestUser& by) {
    auto document = AccessOf(by)->Create(Expression(world_.label.text()), "report.odt");
    EXPECT_TRUE(document) << document.error().message;
    return std::move(*document);
  }
  Status Opens(TestUser& user, const NewDocument& document) {
    RECRYPT_ASSIGN(const OpenedKeys opened,
                   AccessOf(user)->Open(document.header.header, GrantUse::kOpen));
    EXPECT_TRUE(opened.keys.keys.back().key.Equals(document.keys.keys.back().key));
    return {};
  }
  void ExpectOpens(TestUser& user, const NewDocument& document, const std::string& when) {
    const Status opens = Opens(user, document);
    EXPECT_TRUE(opens) << when << ": " << opens.error().message;
  }
  // The epoch of the credential that the user writes with; 0: none.
  uint32_t WritesWith(TestUser& user) {
    const auto author = AccessOf(user)->AuthorFor(Expression(world_.label.text()));
    if (!author || *author == nullptr) return 0;
    return ParseCredential((*author)->credential)->fields.epoch;
  }
  Result<Rotated> Rotate(TestUser& by, const RotationWanted& wanted = {}) {
    return RotateLabel(by.client(), world_.label, wanted);
  }
  void Lie(const std::string& sql) {
    auto store = OpenSqlite(StorePath(world_.services.folder / "com"), SqliteAccess::kReadWrite,
                            AuditSync::kOs);
    ASSERT_TRUE(store) << store.error().message;
    const Status done = (*store)->RunScript(sql);
    ASSERT_TRUE(done) << done.error().message;
  }
  LabelProfile Profile() { return world_.alice.admin().Show(world_.label).value(); }
  // The nth request from now on (from 0) is not sent, or its answer is lost. True once there were
  // so many.
  enum class Lost { kRequest, kAnswer };
  std::shared_ptr<int> Lose(int nth, Lost what) {
    auto count = std::make_shared<int>(0);
    world_.alice.transport->SetTamper(
        [count, nth, what](const HttpPost& post, const Next& next) -> Result<HttpAnswer> {
          const bool lost = (*count)++ >= nth;  // a process that was killed asks nothing more
          if (!lost) return next(post);
          if (what == Lost::kAnswer && *count == nth + 1) (void)next(post);
          return Fail(ErrorCode::kUnavailable, "gone");
        });
    return count;
  }

  World world_;
};

TEST_F(LabelRotationTest, MembersOpenWhatIsUnderTheNewKeyAndUnderTheOldOne) {
  const NewDocument old = Created(world_.alice);
  const std::string old_kid = KeyUdf(Profile().key);
  auto rotated = Rotate(world_.alice);
  ASSERT_TRUE(rotated) << rotated.error().message;
  EXPECT_EQ(rotated->members, (std::vector<std::string>{"alice@example.com", "bob@example.net"}));
  EXPECT_TRUE(rotated->left_out.empty());
  const LabelProfile profile = Profile();
  EXPECT_EQ(profile.epoch, 2u);
  EXPECT_FALSE(profile.next);
  ASSERT_EQ(profile.archived.size(), 1u);
  EXPECT_EQ(KeyUdf(profile.archived[0].key), old_kid);
  const NewDocument fresh = Created(world_.bob);
  EXPECT_EQ(fresh.header.header.jwe.recipients[0].kids[0], KeyUdf(profile.key));
  for (TestUser* user : {&world_.alice, &world_.bob}) {
    ExpectOpens(*user, old, "the old one");
    ExpectOpens(*user, fresh, "the new one");
  }
  EXPECT_FALSE(Opens(world_.carol, fresh));
}

TEST_F(LabelRotationTest, AMountThatRunsTakesTheNewKeyAndCredentialUp) {
  const auto bob = world_.bob.client().MakeAccess();
  const LabelExpression expression = Expression(world_.label.text());
  ASSERT_TRUE(bob->AuthorFor(expression));
  const auto old = bob->Create(expression, "");
  ASSERT_TRUE(old);
  ASSERT_TRUE(Rotate(world_.alice));
  world_.bob.clock.Advance(61'000);  // profiles are believed for a minute
  const auto author = bob->AuthorFor(expression);
  ASSERT_TRUE(author) << author.error().message;
  EXPECT_EQ(ParseCredential((*author)->credential)->fields.epoch, 2u);
  const auto fresh = bob->Create(expression, "");
  ASSERT_TRUE(fresh);
  EXPECT_EQ(fresh->header.header.jwe.recipients[0].kids[0], KeyUdf(Profile().key));
  // What is changed from now on is under the new key, with one data key more.
  auto renewal = bob->RenewHeader(old->header.header, RenewWhen::kLabelsRolled, KeepKeys::kAll);
  ASSERT_TRUE(renewal) << renewal.error().message;
  ASSERT_TRUE(renewal->due && renewal->made);
  EXPECT_EQ(renewal->made->header.header.jwe.recipients[0].kids[0], KeyUdf(Profile().key));
  EXPECT_EQ(renewal->made->keys.size(), 2u);
  EXPECT_FALSE(
      bob->RenewHeader(fresh->header.header, RenewWhen::kLabelsRolled, KeepKeys::kAll)->due);
}

// carol's mount knows of the new key before bob's does.
TEST_F(LabelRotationTest, NothingGoesBackUnderAnEarlierKey) {
  const auto bob = world_.bob.client().MakeAccess();
  ASSERT_TRUE(bob->Create(Expression(world_.label.text()), ""));
  ASSERT_TRUE(Rotate(world_.alice));
  const NewDocument fresh = Created(world_.alice);
  auto renewal = bob->RenewHeader(fresh.header.header, RenewWhen::kLabelsRolled, KeepKeys::kAll);
  ASSERT_TRUE(renewal) << renewal.error().message;
  EXPECT_FALSE(renewal->due);
}

TEST_F(LabelRotationTest, WhoMayWriteWritesOnAndWhoMayNotDoesNot) {
  ASSERT_TRUE(
      world_.alice.admin().AddMember(world_.label, world_.carol.account(), MemberRights::kRead));
  ASSERT_TRUE(Rotate(world_.alice));
  EXPECT_EQ(WritesWith(world_.alice), 2u);
  EXPECT_EQ(WritesWith(world_.bob), 2u);
  EXPECT_EQ(WritesWith(world_.carol), 0u);
  ExpectOpens(world_.carol, Created(world_.bob), "to read she may");
}

TEST_F(LabelRotationTest, WhoIsAddedLaterOpensAllOfIt) {
  const NewDocument old = Created(world_.alice);
  ASSERT_TRUE(Rotate(world_.alice));
  ASSERT_TRUE(world_.alice.admin().AddMember(world_.label, world_.carol.account()));
  ExpectOpens(world_.carol, old, "the old one");
  ExpectOpens(world_.carol, Created(world_.bob), "the new one");
  EXPECT_EQ(WritesWith(world_.carol), 2u);
}

TEST_F(LabelRotationTest, InterruptedAnywhereALabelWorksAndTheNextRunCompletesIt) {
  const NewDocument first = Created(world_.alice);
  for (const Lost what : {Lost::kRequest, Lost::kAnswer}) {
    for (int nth = 0;; ++nth) {
      const std::string when =
          (what == Lost::kRequest ? "without request " : "without the answer to ") +
          std::to_string(nth);
      world_.alice.Reopen();
      const uint32_t before = Profile().epoch;
      const auto count = Lose(nth, what);
      auto interrupted = Rotate(world_.alice);
      world_.alice.transport->BeHonest();
      world_.alice.Reopen();
      const bool all_sent = *count <= nth;
      EXPECT_EQ(interrupted.has_value(), all_sent) << when;
      const NewDocument meanwhile = Created(world_.alice);
      for (const NewDocument* document : {&first, &meanwhile}) {
        ExpectOpens(world_.alice, *document, when);
        ExpectOpens(world_.bob, *document, when);
      }
      EXPECT_GE(WritesWith(world_.bob), Profile().epoch) << when;
      if (all_sent) break;
      auto rotated = Rotate(world_.alice);
      ASSERT_TRUE(rotated) << when << ": " << rotated.error().message;
      EXPECT_GT(rotated->profile.epoch, before);
      EXPECT_LE(rotated->profile.epoch, before + 2) << when;
      EXPECT_EQ(rotated->members.size(), 2u) << when;
      const NewDocument after = Created(world_.bob);
      ExpectOpens(world_.alice, after, when);
      ExpectOpens(world_.bob, after, when);
      ExpectOpens(world_.bob, meanwhile, when);
    }
  }
}

// Another administrator's whole rotation takes place when this one is about to send what has the
// text in it.
TEST_F(LabelRotationTest, OfTwoAtOnceOneWinsAndTheOtherIsToldAndLosesNothing) {
  const NewDocument old = Created(world_.alice);
  for (const std::string text : {"\"KeySet\":{", "\"Users\":{"}) {
    world_.alice.Reopen();
    const uint32_t before = Profile().epoch;
    auto other = world_.alice.OpenAnother();
    auto begun = std::make_shared<bool>(false);
    world_.alice.transport->SetTamper(
        [&, begun, text](const HttpPost& post, const Next& next) -> Result<HttpAnswer> {
          if (!*begun && Has(post, "\"Set\"") && Has(post, text)) {
            *begun = true;
            auto won = RotateLabel(*other, world_.label, {});
            EXPECT_TRUE(won) << won.error().message;
            world_.alice.clock.Advance(2000);  // the same profile, of the same second, is no other
          }
          return next(post);
        });
    auto lost = Rotate(world_.alice);
    world_.alice.transport->BeHonest();
    EXPECT_TRUE(*begun);
    ASSERT_FALSE(lost) << text;
    EXPECT_EQ(lost.error().code, ErrorCode::kStale);
    EXPECT_NE(lost.error().message.find("another administrator"), std::string::npos)
        << lost.error().message;
    world_.alice.Reopen();
    EXPECT_EQ(Profile().epoch, before + 1);
    for (TestUser* user : {&world_.alice, &world_.bob}) {
      ExpectOpens(*user, old, text);
      ExpectOpens(*user, Created(world_.bob), text);
    }
    EXPECT_TRUE(Rotate(world_.alice));
  }
}

TEST_F(LabelRotationTest, WhoIsRemovedWhileOneWaitsHasNothingOfTheKeyThatComes) {
  // Up to where the next key would become the current one.
  auto sets = std::make_shared<int>(0);
  world_.alice.transport->SetTamper(
      [sets](const HttpPost& post, const Next& next) -> Result<HttpAnswer> {
        if (Has(post, "\"KeySet\":{\"Profile\"") && ++*sets == 2) {
          return Fail(ErrorCode::kUnavailable, "gone");
        }
        return next(post);
      });
  ASSERT_FALSE(Rotate(world_.alice));
  world_.alice.transport->BeHonest();
  ASSERT_TRUE(Profile().next);
  const std::string waiting = KeyUdf(Profile().next->key);
  ASSERT_EQ(Profile().next->epoch, 2u);
  EXPECT_EQ(Profile().epoch, 1u);
  ASSERT_TRUE(world_.alice.admin().RemoveMember(world_.label, world_.bob.account()));
  auto rotated = Rotate(world_.alice);
  ASSERT_TRUE(rotated) << rotated.error().message;
  // Bob has a credential of epoch 2, and a half of its key.
  EXPECT_EQ(rotated->profile.epoch, 3u);
  EXPECT_FALSE(rotated->profile.HasKey(waiting));
  EXPECT_EQ(rotated->members, std::vector<std::string>{"alice@example.com"});
  EXPECT_FALSE(Opens(world_.bob, Created(world_.alice)));
}

TEST_F(LabelRotationTest, AMemberWhomTheServiceBringsBackIsLeftOutAllTheSame) {
  auto rotated = Rotate(world_.alice, {{"bob@example.net"}, nullptr});
  ASSERT_TRUE(rotated) << rotated.error().message;
  EXPECT_EQ(rotated->members, std::vector<std::string>{"alice@example.com"});
  EXPECT_FALSE(Opens(world_.bob, Created(world_.alice)));
}

// What Select shows is what a service makes of it.
TEST_F(LabelRotationTest, AServiceThatSpellsAMemberOtherwiseBringsNobodyBack) {
  Lie("UPDATE entries SET account = 'bob@EXAMPLE.net' WHERE account = 'bob@example.net'");
  auto rotated = Rotate(world_.alice, {{"bob@example.net"}, nullptr});
  ASSERT_TRUE(rotated) << rotated.error().message;
  EXPECT_EQ(rotated->members, std::vector<std::string>{"alice@example.com"});
  EXPECT_FALSE(Opens(world_.bob, Created(world_.alice)));
}

TEST_F(LabelRotationTest, AServiceThatShowsAnothersCredentialMakesNobodyAWriter) {
  ASSERT_TRUE(
      world_.alice.admin().AddMember(world_.label, world_.carol.account(), MemberRights::kRead));
  Lie("UPDATE entries SET account = 'carol@example.net', profile_udf = '" +
      world_.carol.identity().Udf() + "' WHERE account = 'bob@example.net'");
  auto rotated = Rotate(world_.alice);
  ASSERT_TRUE(rotated) << rotated.error().message;
  EXPECT_EQ(WritesWith(world_.carol), 0u);
  ExpectOpens(world_.carol, Created(world_.alice), "to read she may");
}

TEST_F(LabelRotationTest, AMemberWhoIsNotTrustedAnyMoreIsLeftOutAndNamed) {
  const NewDocument old = Created(world_.alice);
  ASSERT_TRUE(world_.alice.client().trust().Unpin(TrustSubject::kAccount, "bob@example.net"));
  auto rotated = Rotate(world_.alice);
  ASSERT_TRUE(rotated) << rotated.error().message;
  ASSERT_EQ(rotated->left_out.size(), 1u);
  EXPECT_EQ(rotated->left_out[0].account, "bob@example.net");
  EXPECT_NE(rotated->left_out[0].why.message.find(world_.bob.identity().Udf()), std::string::npos);
  ExpectOpens(world_.bob, old, "what he had");
  EXPECT_FALSE(Opens(world_.bob, Created(world_.alice)));
  EXPECT_EQ(WritesWith(world_.bob), 0u);
  world_.alice.Trust(world_.bob);
  ASSERT_TRUE(world_.alice.admin().AddMember(world_.label, world_.bob.account()));
  ExpectOpens(world_.bob, Created(world_.alice), "added again");
}

TEST_F(LabelRotationTest, AnotherAdministratorGoesOnAdministering) {
  TestUser dave(world_.services, "dave@example.com");
  world_.alice.Trust(dave);
  dave.Trust(world_.alice);
  dave.Trust(world_.bob);
  AdministeredLabel label = OpenAdministered(world_.alice.client(), world_.label).value();
  label.profile.administrators.push_back({dave.account(), dave.identity().Udf()});
  label.holders.push_back(dave.identity().DeviceUdf());
  auto secrets = SealForHolders(world_.alice.client(), label);
  ASSERT_TRUE(secrets) << secrets.error().message;
  ASSERT_EQ(secrets->size(), 2u);
  ASSERT_TRUE(PublishNext(world_.alice.client(), label, std::move(*secrets)));
  for (TestUser* administrator : {&world_.alice, &dave, &world_.alice}) {
    auto rotated = Rotate(*administrator);
    ASSERT_TRUE(rotated) << rotated.error().message;
    EXPECT_EQ(rotated->members.size(), 2u);
  }
  EXPECT_EQ(Profile().epoch, 4u);
  ExpectOpens(world_.bob, Created(world_.bob), "after three rotations");
}

TEST_F(LabelRotationTest, WhoDoesNotAdministerTheLabelIsRefused) {
  const auto refused = Rotate(world_.bob);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kDenied);
  EXPECT_EQ(Profile().epoch, 1u);
}

TEST_F(LabelRotationTest, AnEscrowMadeAfterwardsHoldsAllKeys) {
  ASSERT_TRUE(Rotate(world_.alice));
  auto escrowed = world_.alice.admin().EscrowedKeys(world_.label);
  ASSERT_TRUE(escrowed) << escrowed.error().message;
  EXPECT_EQ(escrowed->keys.size(), 2u);
}

// A thousand in a full run; the figure is printed.
TEST_F(LabelRotationTest, AThousandMembersTakeLessThanTenSeconds) {
  const int members = IsFullRun() && !kSanitized ? 1000 : 70;
  for (int i = 2; i < members; ++i) {
    TestUser user(world_.services, "user" + std::to_string(i) + "@example.net");
    world_.alice.Trust(user);
    ASSERT_TRUE(world_.alice.admin().AddMember(world_.label, user.account()));
  }
  world_.alice.Reopen();
  const int64_t begun = world_.alice.clock.MonotonicMillis();
  auto rotated = Rotate(world_.alice);
  const int64_t took = world_.alice.clock.MonotonicMillis() - begun;
  ASSERT_TRUE(rotated) << rotated.error().message;
  EXPECT_EQ(rotated->members.size(), static_cast<size_t>(members));
  std::cout << "a new key for " << members << " members took " << took << " ms\n";
  if (!kSanitized) {
    EXPECT_LT(took, 10'000);
  }
}

}  // namespace
}  // namespace recrypt
