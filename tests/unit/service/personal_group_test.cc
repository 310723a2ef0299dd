// Entries of personal groups: good for whichever device the member's profile lists
// (docs/PROTOCOL.md, 4.4).
#include "core/udf/udf.h"
#include "world.h"

namespace recrypt {
namespace {

// bob@example.net, a member by his personal group alone, and a laptop of his.
class PersonalGroupTest : public testing::Test {
 protected:
  PersonalGroupTest() {
    EXPECT_TRUE(world.alice_client
                    .Call(Request(DeleteRequest{"", DeleteRequest::Kind::kUser, world.label.name(),
                                                "bob@example.net", ""}))
                    .index() != 0);
    group.master = world.bob.master;
    EXPECT_TRUE(world.alice_client.SetUser(GroupUser()).ok());
    world.bob.more_devices = {{"laptop", laptop.public_key(), world.bob.encrypt.public_key()}};
  }

  UserRecord GroupUser() {
    UserRecord user = world.label.User(group);
    for (EntryRecord& entry : user.entries) entry.group = true;
    return user;
  }
  ResponseStatus Grant(TestClient& client) {
    return client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status;
  }

  World world;
  TestAccount group{"bob@example.net"};  // its keys are the group's
  PrivateKey laptop = PrivateKey::Generate(Curve::kEd25519);
  TestClient laptop_client{world.service, laptop};
};

TEST_F(PersonalGroupTest, GrantsToTheDevicesOfTheProfileOnceItIsKnown) {
  EXPECT_EQ(Grant(laptop_client).reason, "no-entry");
  EXPECT_TRUE(laptop_client.Register(world.bob).ok());
  EXPECT_TRUE(Grant(laptop_client).ok());
  const GetResponse response = laptop_client.Grant(world.label.Kid(), {NewEphemeral()});
  EXPECT_TRUE(response.halves.contains(world.label.Kid()));
}

TEST_F(PersonalGroupTest, IsNoneOfDevicesThatTheProfileDoesNotList) {
  ASSERT_TRUE(laptop_client.Register(world.bob).ok());
  EXPECT_EQ(Grant(world.carol_client).reason, "no-entry");
}

TEST_F(PersonalGroupTest, IsNoneOfAnotherAccountOfTheSameName) {
  TestAccount mallory("bob@example.net");
  TestClient client(world.service, mallory.sign);
  // As a guest, from which nothing follows; who is in the group by his keys takes the name back.
  EXPECT_TRUE(client.Register(mallory).ok());
  EXPECT_EQ(Grant(client).reason, "no-entry");
  EXPECT_TRUE(laptop_client.Register(world.bob).ok());
  EXPECT_TRUE(Grant(laptop_client).ok());
  client.Hello();
  EXPECT_EQ(Grant(client).reason, "no-entry");
  mallory.version = 9;
  EXPECT_FALSE(client.Register(mallory).ok());
}

TEST_F(PersonalGroupTest, EndsForADeviceThatTheNextProfileDrops) {
  ASSERT_TRUE(laptop_client.Register(world.bob).ok());
  ASSERT_TRUE(Grant(laptop_client).ok());
  const Json with_laptop = world.bob.Jws();
  world.bob.more_devices.clear();
  world.bob.version = 2;
  ASSERT_TRUE(world.bob_client.Register(world.bob).ok());
  laptop_client.Hello();
  EXPECT_EQ(Grant(laptop_client).reason, "no-entry");
  SetRequest again;
  again.what.emplace<Json>(with_laptop);
  EXPECT_EQ(StatusIn(laptop_client.Call(Request(again))).reason, "stale");
  EXPECT_TRUE(Grant(world.bob_client).ok());
}

TEST_F(PersonalGroupTest, EndsAtOnceForADeviceThatIsRevokedAndTellsOfItsLease) {
  ASSERT_TRUE(laptop_client.Register(world.bob).ok());
  const int64_t now = world.service.clock.NowSeconds();
  ASSERT_TRUE(Grant(laptop_client).ok());
  const Response response = world.bob_client.Call(Request(DeleteRequest{
      "", DeleteRequest::Kind::kDevice, "", "bob@example.net", KeyUdf(laptop.public_key())}));
  ASSERT_TRUE(StatusIn(response).ok());
  EXPECT_GE(ParseTime(std::get<DeleteResponse>(response).until).value(), now + 900);
  laptop_client.Hello();
  EXPECT_EQ(Grant(laptop_client).reason, "no-entry");
  EXPECT_TRUE(Grant(world.bob_client).ok());
}

TEST_F(PersonalGroupTest, OfARemovedMemberIsRevokedForAllDevices) {
  ASSERT_TRUE(laptop_client.Register(world.bob).ok());
  ASSERT_TRUE(Grant(laptop_client).ok());
  ASSERT_TRUE(
      StatusIn(world.alice_client.Call(Request(DeleteRequest{
                   "", DeleteRequest::Kind::kUser, world.label.name(), "bob@example.net", ""})))
          .ok());
  EXPECT_EQ(Grant(laptop_client).reason, "revoked");
  EXPECT_EQ(Grant(world.bob_client).reason, "revoked");
}

TEST_F(PersonalGroupTest, IsShownToItsDevicesAndToAdministrators) {
  ASSERT_TRUE(laptop_client.Register(world.bob).ok());
  const Response labels = laptop_client.Call(Request(SelectRequest{"", "Labels", "", "", "", ""}));
  ASSERT_EQ(std::get<SelectResponse>(labels).items.size(), 1u);
  EXPECT_EQ(std::get<SelectResponse>(labels).items[0]["Label"], world.label.name());
  const Response entries = world.alice_client.Call(
      Request(SelectRequest{"", "Entries", world.label.name(), "bob@example.net", "", ""}));
  bool shown = false;
  for (const Json& item : std::get<SelectResponse>(entries).items) {
    shown = shown || (item.contains("Group") && !item.contains("Revoked"));
  }
  EXPECT_TRUE(shown);
  GetRequest get;
  get.statics.push_back({"Entry", world.label.name()});
  const Response own = laptop_client.Call(Request(get));
  EXPECT_TRUE(std::get<GetResponse>(own).statics.at(0).status.ok());
}

TEST_F(PersonalGroupTest, HasReportsAndReviewsOfItsDevicesOnRecord) {
  ASSERT_TRUE(laptop_client.Register(world.bob).ok());
  SetRequest set;
  set.what.emplace<OpensRecord>(
      OpensRecord{{{world.label.Kid(), {}, {}, world.service.clock.NowSeconds(), 1, false}}});
  EXPECT_TRUE(StatusIn(laptop_client.Call(Request(set))).ok());
  EXPECT_FALSE(StatusIn(world.carol_client.Call(Request(set))).ok());
}

TEST_F(PersonalGroupTest, OfAGuestThatMadeNewKeysIsTheMembersOfToday) {
  ASSERT_TRUE(laptop_client.Register(world.bob).ok());
  TestAccount anew("bob@example.net");
  TestClient client(world.service, anew.sign);
  EXPECT_FALSE(client.Register(anew).ok());
  // Alice has compared the new fingerprint, and adds him.
  TestAccount new_group("bob@example.net");
  new_group.master = anew.master;
  UserRecord user = world.label.User(new_group);
  for (EntryRecord& entry : user.entries) entry.group = true;
  ASSERT_TRUE(world.alice_client.SetUser(user).ok());
  EXPECT_TRUE(client.Register(anew).ok());
  EXPECT_TRUE(Grant(client).ok());
  laptop_client.Hello();
  EXPECT_EQ(Grant(laptop_client).reason, "no-entry");
}

TEST_F(PersonalGroupTest, CannotBeAMemberOfItself) {
  TestLabel own("alice@example.com", world.alice, world.service);
  ASSERT_TRUE(world.alice_client.SetLabel(own, world.alice).ok());
  UserRecord user = own.User(world.alice);
  for (EntryRecord& entry : user.entries) entry.group = true;
  EXPECT_EQ(world.alice_client.SetUser(user).status, StatusCode::kInvalid);
}

TEST(PersonalGroupNames, AreTheirAccountsAlone) {
  World world;
  TestLabel label("carol@example.com", world.alice, world.service);
  const TestAccount carol("carol@example.com");
  TestClient client(world.service, carol.sign);
  ASSERT_TRUE(client.Register(carol).ok());
  EXPECT_EQ(world.alice_client.SetLabel(label, world.alice).reason, "exists");
  TestLabel other("dave@example.com", world.alice, world.service);
  ASSERT_TRUE(world.alice_client.SetLabel(other, world.alice).ok());
  const TestAccount dave("dave@example.com");
  TestClient dave_client(world.service, dave.sign);
  EXPECT_EQ(dave_client.Register(dave).reason, "exists");
}

}  // namespace
}  // namespace recrypt
