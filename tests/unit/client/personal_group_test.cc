// Personal groups (the draft, 4.3 and 4.7): labels of an account's own name, by which its devices
// read what the account is given.
#include "client/personal_group.h"

#include <gtest/gtest.h>

#include <future>

#include "client/device_admin.h"
#include "client/label_keys.h"
#include "client/label_rotation.h"
#include "core/udf/udf.h"
#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

// A further device of an account, with a directory of its own, enrolled by a code.
class FurtherDevice {
 public:
  FurtherDevice(const TestServices& services, TestUser& owner) {
    const ConfigDirectory directory = ConfigDirectory::Open(folder.path()).value();
    EXPECT_TRUE(SetService(directory, "example.com", services.com.address()));
    EXPECT_TRUE(SetService(directory, "example.net", services.net.address()));
    transport = std::make_unique<TamperingTransport>(LoadConfig(directory).value());
    auto offer = DeviceOffer::Make(owner.client(), 600);
    EXPECT_TRUE(offer) << offer.error().message;
    const MeetingCode code = MeetingCode::Parse(offer->code()).value();
    auto joined = std::async(std::launch::async, [&] {
      return JoinAccount(Options(), {owner.account(), std::nullopt, "laptop", Sealing::kNone}, code,
                         [](const std::string&) {});
    });
    std::optional<Device> asking;
    while (!asking) asking = offer->Look().value();
    auto approved = offer->Approve(*asking);
    EXPECT_TRUE(approved) << approved.error().message;
    auto profile = joined.get();
    EXPECT_TRUE(profile) << profile.error().message;
    client = Client::Open(Options()).value();
    access = client->MakeAccess();
  }

  TestFolder folder;
  TestClock clock;
  std::unique_ptr<TamperingTransport> transport;
  std::unique_ptr<Client> client;
  std::unique_ptr<Access> access;

 private:
  ClientOptions Options() {
    ClientOptions options;
    options.directory = folder.path();
    options.clock = &clock;
    options.transport = transport.get();
    return options;
  }
};

class PersonalGroupTest : public testing::Test {
 protected:
  PersonalGroupTest() {
    auto created = world_.bob.admin().Create({Label("bob@example.net"), {}});
    EXPECT_TRUE(created) << created.error().message;
    auto added = world_.alice.admin().AddMember(world_.label, world_.bob.account());
    EXPECT_TRUE(added) << added.error().message;
  }

  NewDocument Created() { return std::move(*alice_->Create(Expression(world_.label.text()), "x")); }
  // Bob's own entry, of before he had a group, is gone: only the group's is left.
  void LeaveTheGroupAlone() {
    const auto device = world_.bob.identity().DeviceUdf();
    const auto service = world_.alice.client().services().At("example.com");
    ASSERT_TRUE(service->DeleteUser(world_.label, world_.bob.account(), device));
  }
  std::vector<std::string> DevicesOfBob() {
    const auto members = world_.alice.admin().Members(world_.label).value();
    for (const LabelMember& member : members) {
      if (member.account == "bob@example.net") return member.devices;
    }
    return {};
  }
  std::string GroupKey() {
    return KeyUdf(OwnProfile(world_.bob.client()).value().personal.front().sign);
  }
  static ErrorCode CodeOf(const Result<OpenedKeys>& opened) {
    return opened ? ErrorCode::kExists : opened.error().code;
  }

  World world_;
  std::unique_ptr<Access> alice_ = world_.alice.client().MakeAccess();
  std::unique_ptr<Access> bob_ = world_.bob.client().MakeAccess();
};

TEST_F(PersonalGroupTest, IsWhatALabelsEntryIsMadeFor) {
  LeaveTheGroupAlone();
  EXPECT_EQ(DevicesOfBob(), std::vector<std::string>{GroupKey()});
  const NewDocument document = Created();
  const auto opened = bob_->Open(document.header.header, GrantUse::kOpen);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_TRUE(opened->keys.keys[0].key.Equals(document.keys.keys[0].key));
}

TEST_F(PersonalGroupTest, CostsOneMoreRequestAndNoneWhileItsLeaseLasts) {
  LeaveTheGroupAlone();
  const NewDocument first = Created(), second = Created();
  // Not known at that service yet, where it is introduced: once in the life of a client.
  ASSERT_TRUE(bob_->Open(first.header.header, GrantUse::kOpen));
  const int before = world_.bob.transport->Count("ResourceSet");
  ASSERT_TRUE(bob_->Open(second.header.header, GrantUse::kOpen));
  EXPECT_EQ(world_.bob.transport->Count("ResourceSet"), before + 1);
  bob_->Lock();
  ASSERT_TRUE(bob_->Open(second.header.header, GrantUse::kOpen));
  EXPECT_EQ(world_.bob.transport->Count("ResourceSet"), before + 3);
}

TEST_F(PersonalGroupTest, OfTwoLabelsAtOnceTakesOneRequestForBothHalves) {
  LeaveTheGroupAlone();
  const LabelName other = Label("Legal#example.com");
  ASSERT_TRUE(world_.alice.admin().Create({other, {}}));
  ASSERT_TRUE(world_.alice.admin().AddMember(other, world_.bob.account()));
  const auto document =
      alice_->Create(Expression("Accounting#example.com + Legal#example.com"), "x");
  ASSERT_TRUE(bob_->Open(Created().header.header, GrantUse::kOpen));
  bob_->Lock();
  const int before = world_.bob.transport->Count("ResourceSet");
  ASSERT_TRUE(bob_->Open(document->header.header, GrantUse::kOpen));
  EXPECT_EQ(world_.bob.transport->Count("ResourceSet"), before + 2);
}

TEST_F(PersonalGroupTest, LetsANewDeviceReadAndWriteWithoutTheAdministrator) {
  world_.alice.transport->Fail(ErrorCode::kUnavailable, "on holiday");
  FurtherDevice laptop(world_.services, world_.bob);
  world_.alice.transport->BeHonest();
  const NewDocument document = Created();
  const auto opened = laptop.access->Open(document.header.header, GrantUse::kOpen);
  ASSERT_TRUE(opened) << opened.error().message;
  const auto author = laptop.access->AuthorFor(Expression(world_.label.text()));
  ASSERT_TRUE(author) << author.error().message;
  ASSERT_TRUE(*author);
  EXPECT_EQ(KeyUdf((*author)->device.public_key()), GroupKey());
}

TEST_F(PersonalGroupTest, OpensNothingForADeviceThatWasRemoved) {
  FurtherDevice laptop(world_.services, world_.bob);
  const NewDocument document = Created(), later = Created();
  ASSERT_TRUE(laptop.access->Open(document.header.header, GrantUse::kOpen));
  ASSERT_TRUE(bob_->Open(document.header.header, GrantUse::kOpen));
  const auto removed = RemoveDevice(world_.bob.client(), "laptop");
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(removed->unreached, std::vector<std::string>());
  EXPECT_GT(removed->until, world_.bob.clock.NowSeconds() + 800);  // of the lease that it has
  EXPECT_EQ(CodeOf(laptop.access->Open(later.header.header, GrantUse::kOpen)), ErrorCode::kDenied);
  // Nor does it introduce itself anew.
  laptop.access = laptop.client->MakeAccess();
  EXPECT_EQ(CodeOf(laptop.access->Open(later.header.header, GrantUse::kOpen)), ErrorCode::kDenied);
  LeaveTheGroupAlone();
  const auto opened = bob_->Open(later.header.header, GrantUse::kOpen);
  EXPECT_TRUE(opened) << opened.error().message;
}

TEST_F(PersonalGroupTest, EndsWithItsLeaseWhereTheLabelsServiceWasNotTold) {
  FurtherDevice laptop(world_.services, world_.bob);
  const NewDocument document = Created(), later = Created();
  ASSERT_TRUE(laptop.access->Open(document.header.header, GrantUse::kOpen));
  world_.bob.transport->SetTamper([](const HttpPost& post, const TamperingTransport::Next& next) {
    if (post.domain == "example.net") return next(post);
    return Result<HttpAnswer>(Fail(ErrorCode::kUnavailable, "gone"));
  });
  const auto removed = RemoveDevice(world_.bob.client(), "laptop");
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(removed->unreached.size(), 1u);
  const auto opened = laptop.access->Open(later.header.header, GrantUse::kOpen);
  ASSERT_TRUE(opened) << opened.error().message;
  laptop.access->Lock();  // as that lease's end does
  const auto refused = laptop.access->Open(later.header.header, GrantUse::kOpen);
  EXPECT_EQ(CodeOf(refused), ErrorCode::kDenied) << refused.error().message;
}

TEST_F(PersonalGroupTest, GivesNoLeaseBeyondItsOwn) {
  FurtherDevice laptop(world_.services, world_.bob);
  const NewDocument document = Created(), later = Created();
  const auto first = laptop.access->Open(document.header.header, GrantUse::kOpen);
  ASSERT_TRUE(first) << first.error().message;
  laptop.clock.Advance(200'000);
  const auto second = laptop.access->Open(later.header.header, GrantUse::kOpen);
  ASSERT_TRUE(second) << second.error().message;
  // The group's began a request later than the first one of the label.
  EXPECT_LE(second->lease_end_ms, first->lease_end_ms + 60'000);
}

TEST_F(PersonalGroupTest, GetsANewKeyOfTheLabelInARotation) {
  LeaveTheGroupAlone();
  const NewDocument before = Created();
  const auto rotated = RotateLabel(world_.alice.client(), world_.label, {});
  ASSERT_TRUE(rotated) << rotated.error().message;
  EXPECT_TRUE(rotated->left_out.empty());
  const NewDocument after = Created();
  EXPECT_TRUE(bob_->Open(before.header.header, GrantUse::kOpen));
  const auto opened = bob_->Open(after.header.header, GrantUse::kOpen);
  EXPECT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(DevicesOfBob(), std::vector<std::string>{GroupKey()});
  EXPECT_TRUE(*bob_->AuthorFor(Expression(world_.label.text())));
}

TEST_F(PersonalGroupTest, WritesByAnotherKeyOnceOneOfItsDevicesWasLost) {
  LeaveTheGroupAlone();
  const std::string lost = GroupKey();
  { FurtherDevice laptop(world_.services, world_.bob); }
  ASSERT_TRUE(RemoveDevice(world_.bob.client(), "laptop"));
  EXPECT_NE(GroupKey(), lost);
  const auto signs_by = [&] {
    bob_->Lock();
    const auto author = bob_->AuthorFor(Expression(world_.label.text()));
    EXPECT_TRUE(author && *author);
    return author && *author ? KeyUdf((*author)->device.public_key()) : std::string();
  };
  EXPECT_EQ(signs_by(), lost);  // until the label gives it another credential
  ASSERT_TRUE(RotateLabel(world_.alice.client(), world_.label, {}));
  EXPECT_TRUE(bob_->Open(Created().header.header, GrantUse::kOpen));
  EXPECT_EQ(signs_by(), GroupKey());
}

TEST_F(PersonalGroupTest, IsPassedOverWhereAnAdministratorChoosesTheDevices) {
  ASSERT_TRUE(world_.alice.admin().RemoveMember(world_.label, world_.bob.account()));
  ASSERT_TRUE(world_.alice.admin().AddMember(world_.label, world_.bob.account(),
                                             MemberRights::kReadAndWrite, EntriesFor::kEachDevice));
  EXPECT_EQ(DevicesOfBob(), std::vector<std::string>{world_.bob.identity().DeviceUdf()});
  FurtherDevice laptop(world_.services, world_.bob);
  const NewDocument document = Created();
  EXPECT_TRUE(bob_->Open(document.header.header, GrantUse::kOpen));
  EXPECT_EQ(CodeOf(laptop.access->Open(document.header.header, GrantUse::kOpen)),
            ErrorCode::kDenied);
}

TEST_F(PersonalGroupTest, OfARemovedMemberGetsNothing) {
  const NewDocument document = Created();
  ASSERT_TRUE(bob_->Open(document.header.header, GrantUse::kOpen));
  ASSERT_TRUE(world_.alice.admin().RemoveMember(world_.label, world_.bob.account()));
  bob_->Lock();
  EXPECT_EQ(CodeOf(bob_->Open(document.header.header, GrantUse::kOpen)), ErrorCode::kDenied);
}

TEST_F(PersonalGroupTest, IsFoundByWhoWasRefusedBeforeItWasGivenTheLabel) {
  ASSERT_TRUE(world_.alice.admin().RemoveMember(world_.label, world_.bob.account()));
  const NewDocument document = Created();
  EXPECT_EQ(CodeOf(bob_->Open(document.header.header, GrantUse::kOpen)), ErrorCode::kDenied);
  ASSERT_TRUE(world_.alice.admin().AddMember(world_.label, world_.bob.account()));
  world_.bob.clock.Advance(10'000);
  const auto opened = bob_->Open(document.header.header, GrantUse::kOpen);
  EXPECT_TRUE(opened) << opened.error().message;
}

TEST_F(PersonalGroupTest, IsFoundByAllWhoAskAtTheSameTime) {
  LeaveTheGroupAlone();
  std::vector<NewDocument> documents;
  std::vector<std::future<bool>> opened;
  for (int i = 0; i < 8; ++i) documents.push_back(Created());
  for (const NewDocument& document : documents) {
    opened.push_back(std::async(std::launch::async, [&] {
      return bob_->Open(document.header.header, GrantUse::kOpen).has_value();
    }));
  }
  for (auto& one : opened) EXPECT_TRUE(one.get());
}

// A service that gives the half of a group sealed to the group again would be asked for ever.
TEST_F(PersonalGroupTest, DoesNotOpenItself) {
  const auto profile =
      world_.bob.client().profiles().Label(Label("bob@example.net"), ProfileUse::kRead).value();
  const Json half = SealHalf({"bob@example.net", KeyUdf(profile->key), "bob@example.net"},
                             PrivateKey::Generate(Curve::kX25519), profile->key)
                        .value();
  EntryRecord entry;
  const auto opened = OpenAdministered(world_.bob.client(), Label("bob@example.net"));
  ASSERT_TRUE(opened) << opened.error().message;
  auto users = MakeUsers(*opened,
                         {OwnProfile(world_.bob.client()).value(),
                          {OwnProfile(world_.bob.client()).value().devices, false},
                          MemberRights::kRead,
                          opened->profile.Keys()},
                         world_.bob.clock.NowSeconds());
  ASSERT_TRUE(users) << users.error().message;
  users->front().entries.front().member_half = half;
  ASSERT_TRUE(opened->services.front().client->SetUser(users->front()));
  const auto document = bob_->Create(Expression("bob@example.net"), "x");
  EXPECT_FALSE(bob_->Open(document->header.header, GrantUse::kOpen));
}

TEST_F(PersonalGroupTest, StandsInExpressionsAndIsWrittenToByOthers) {
  world_.carol.Trust(world_.bob);
  auto carol = world_.carol.client().MakeAccess();
  const auto document =
      carol->Create(Expression("Accounting#example.com + bob@example.net"), "for bob");
  ASSERT_TRUE(document) << document.error().message;
  const auto opened = bob_->Open(document->header.header, GrantUse::kOpen);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(CodeOf(alice_->Open(document->header.header, GrantUse::kOpen)), ErrorCode::kDenied);
}

TEST(PersonalGroupNames, ThatAreAccountsNamesAreTheirsAlone) {
  World world;
  const auto taken = world.bob.admin().Create({Label("carol@example.net"), {}});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::kExists);
  EXPECT_NE(taken.error().message.find("only that may have a label of its name"), std::string::npos)
      << taken.error().message;
  // The draft's privatealice@example.com is nobody's name, and then nobody's account either.
  ASSERT_TRUE(world.bob.admin().Create({Label("private@example.net"), {}}));
  TestFolder folder;
  const ConfigDirectory directory = ConfigDirectory::Open(folder.path()).value();
  ASSERT_TRUE(SetService(directory, "example.net", world.services.net.address()));
  ClientOptions options;
  options.directory = folder.path();
  const auto late =
      CreateProfile(options, {Account("private@example.net"), std::nullopt, "x", Sealing::kNone});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kExists) << late.error().message;
}

TEST(PersonalGroupNames, OfAnAccountThatIsPinnedAreNotBelievedOfAnother) {
  World world;
  // The service's rule is no help against the service: bob's label is older than the pin.
  ASSERT_TRUE(world.bob.admin().Create({Label("dave@example.net"), {}}));
  world.alice.Trust(world.bob);
  ASSERT_TRUE(world.alice.client().profiles().Label(Label("dave@example.net"), ProfileUse::kRead));
  ASSERT_TRUE(TrustAccount(world.alice.client(), Account("dave@example.net"),
                           world.carol.identity().Udf(), PinChange::kRefuse));
  world.alice.Reopen();
  const auto spec = SpecFor(world.alice.client().profiles(), Expression("dave@example.net"));
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().code, ErrorCode::kDenied);
  EXPECT_NE(spec.error().message.find("not by the account of that name"), std::string::npos)
      << spec.error().message;
}

TEST(PersonalGroupNames, OfWhoHasNoneSayWhoMakesOne) {
  World world;
  const auto spec = SpecFor(world.alice.client().profiles(), Expression("bob@example.net"));
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().code, ErrorCode::kDenied);
  EXPECT_NE(spec.error().message.find("recryptfs label create bob@example.net"), std::string::npos)
      << spec.error().message;
}

}  // namespace
}  // namespace recrypt
