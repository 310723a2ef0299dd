// Leaving one's keys with a holder: what is lost to whom, wherever it is interrupted.
#include "client/travel.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <thread>

#include "client/output_file.h"
#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

using Next = TamperingTransport::Next;

class TravelTest : public testing::Test {
 protected:
  TravelTest() {
    EXPECT_TRUE(world_.alice.admin().Create({other_, {}}));
    world_.alice.Reopen();
  }
  // Alice's keys go to carol.
  Result<Departure> DepartAs(Client& client) {
    code_.clear();
    return Depart(client, world_.carol.account(), file_, [&](const std::string& code) {
      EXPECT_TRUE(std::filesystem::exists(file_));
      code_ = code;
      if (then_) then_();
    });
  }
  // Alice, on a new machine, once carol agrees.
  Result<Profile> ComeBack() {
    const ConfigDirectory directory = ConfigDirectory::Open(back_.path()).value();
    EXPECT_TRUE(SetService(directory, "example.com", world_.services.com.address()));
    ClientOptions options;
    options.directory = back_.path();
    RECRYPT_ASSIGN(const MeetingCode code, MeetingCode::Parse(code_));
    auto returned = std::async(std::launch::async, [&] {
      return Return(options, {world_.alice.account(), {}, "back", Sealing::kNone}, code, 20);
    });
    auto held = HeldParcel::Open(world_.carol.client(), file_);
    EXPECT_TRUE(held) << held.error().message;
    for (int i = 0; held && i < 200; ++i) {
      const auto asks = held->Look();
      EXPECT_TRUE(asks) << asks.error().message;
      if (!asks || *asks) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    if (held) {
      EXPECT_TRUE(held->Approve());
    }
    return returned.get();
  }
  std::unique_ptr<Client> Returned() {
    ClientOptions options;
    options.directory = back_.path();
    return Client::Open(options).value();
  }

  World world_;
  LabelName other_ = Label("Legal#example.com");
  TestFolder out_, back_;
  const std::string file_ = out_ / "alice.travel";
  std::string code_;
  std::function<void()> then_;
};

TEST_F(TravelTest, InterruptedBeforeTheCodeIsToldADeviceKeepsAllThatItHas) {
  for (const bool answer_only : {false, true}) {
    for (int nth = 0;; ++nth) {
      const std::string when =
          (answer_only ? "without the answer to " : "without request ") + std::to_string(nth);
      auto count = std::make_shared<int>(0);
      world_.alice.transport->SetTamper(
          [=](const HttpPost& post, const Next& next) -> Result<HttpAnswer> {
            if ((*count)++ < nth) return next(post);
            if (answer_only && *count == nth + 1) (void)next(post);
            return Fail(ErrorCode::kUnavailable, "gone");
          });
      const auto departed = DepartAs(world_.alice.client());
      world_.alice.transport->BeHonest();
      if (!code_.empty()) break;
      ASSERT_FALSE(departed) << when;
      EXPECT_FALSE(std::filesystem::exists(file_)) << when;
      world_.alice.Reopen();
      for (const LabelName& label : {world_.label, other_}) {
        const auto administered = OpenAdministered(world_.alice.client(), label);
        ASSERT_TRUE(administered) << when << ": " << administered.error().message;
      }
    }
    // The last one went on too far for the device to go on from there.
    std::filesystem::remove(file_);
    if (!answer_only) {
      for (const LabelName& label : {world_.label, other_}) {
        ASSERT_TRUE(OpenAdministered(world_.alice.client(), label));
      }
    }
  }
}

TEST_F(TravelTest, WhatFailsAfterTheCodeWasToldTakesNothingAway) {
  then_ = [&] { world_.alice.transport->Fail(ErrorCode::kUnavailable, "gone"); };
  const auto departed = DepartAs(world_.alice.client());
  world_.alice.transport->BeHonest();
  ASSERT_FALSE(departed);
  EXPECT_NE(departed.error().message.find(file_), std::string::npos) << departed.error().message;
  ASSERT_FALSE(code_.empty());
  const auto back = ComeBack();
  ASSERT_TRUE(back) << back.error().message;
  const auto client = Returned();
  for (const LabelName& label : {world_.label, other_}) {
    const auto administered = OpenAdministered(*client, label);
    ASSERT_TRUE(administered) << administered.error().message;
  }
}

TEST_F(TravelTest, WhoReturnsAloneHasTheLabelsSecrets) {
  const std::string left = world_.alice.identity().DeviceUdf();
  const auto departed = DepartAs(world_.alice.client());
  ASSERT_TRUE(departed) << departed.error().message;
  EXPECT_EQ(departed->labels.size(), 2u);
  EXPECT_FALSE(OpenAdministered(world_.alice.client(), world_.label));
  ASSERT_TRUE(ComeBack());
  const auto client = Returned();
  for (const LabelName& label : {world_.label, other_}) {
    const auto administered = OpenAdministered(*client, label);
    ASSERT_TRUE(administered) << administered.error().message;
    EXPECT_EQ(administered->holders,
              std::vector<std::string>{client->keystore().identity().DeviceUdf()});
  }
}

TEST_F(TravelTest, AServiceThatDoesNotTakeTheDeviceOutIsNamed) {
  then_ = [&] {
    world_.alice.transport->SetTamper(
        [](const HttpPost& post, const Next& next) -> Result<HttpAnswer> {
          if (post.domain == "example.net") return Fail(ErrorCode::kDenied, "another key");
          return next(post);
        });
  };
  const auto departed = DepartAs(world_.alice.client());
  ASSERT_TRUE(departed) << departed.error().message;
  EXPECT_EQ(departed->unreached, std::vector<std::string>{"example.net"});
}

// Known by a label alone: the device may never have been there.
TEST_F(TravelTest, AServiceThatDoesNotKnowTheDeviceIsAskedAndPassedOver) {
  auto asked = std::make_shared<int>(0);
  then_ = [&] {
    world_.alice.transport->SetTamper(
        [asked](const HttpPost& post, const Next& next) -> Result<HttpAnswer> {
          if (post.domain != "example.net") return next(post);
          return Fail(++*asked == 1 ? ErrorCode::kNotFound : ErrorCode::kInvalid, "not here");
        });
  };
  const auto departed = DepartAs(world_.alice.client());
  ASSERT_TRUE(departed) << departed.error().message;
  EXPECT_EQ(*asked, 1);
  EXPECT_TRUE(departed->unreached.empty());
}

// A program that runs cannot be written to, by root neither.
TEST(WipeDirectory, GoesOnBehindAFileThatCannotBeOverwritten) {
  TestFolder folder;
  const std::string path = folder / "config";
  std::filesystem::create_directory(path);
  for (const char* name : {"a", "z"}) WriteText(path + "/" + name, "secret");
  const std::string busy = path + "/busy";
  std::filesystem::copy_file("/bin/sleep", busy);
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl(busy.c_str(), "sleep", "60", nullptr);
    ::_exit(127);
  }
  // Another name shows what became of the content.
  for (const std::string name : {"a", "z"}) {
    std::filesystem::create_hard_link(path + "/" + name, folder / name);
  }
  for (int i = 0; i < 500 && UniqueFd(::open(busy.c_str(), O_WRONLY | O_CLOEXEC)); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const Status wiped = WipeDirectory(ConfigDirectory::Open(path).value());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ASSERT_FALSE(wiped);
  EXPECT_NE(wiped.error().message.find("busy"), std::string::npos) << wiped.error().message;
  EXPECT_FALSE(std::filesystem::exists(path));
  for (const std::string name : {"a", "z"}) {
    EXPECT_EQ(ReadText(folder / name), std::string(6, '\0')) << name;
  }
}

}  // namespace
}  // namespace recrypt
