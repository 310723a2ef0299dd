// grant_load: asks a recryption service for grants as fast as it answers, by the client library's
// own sessions over TLS, and prints the rate.
//
//   grant_load CONFIG_DIRECTORY Bench#example.com --threads 6 --batch 64 --seconds 3
//   {"grants_per_second":9100.2,"requests":427,"p50_ms":6.9,"p99_ms":8.1}
//
// With --rate, so many requests a second, at equal intervals, whether or not those before are
// answered (as long as there is a thread for each that waits); latency counts from when a request
// was due. Every thread has a client, a session and connections of its own, and ephemerals made
// before the clock starts. A refused grant ends the run.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "client/client.h"
#include "core/crypto/keys.h"
#include "core/crypto/symmetric.h"
#include "core/udf/udf.h"

namespace {

using recrypt::Bytes;
using recrypt::ErrorCode;
using Clock = std::chrono::steady_clock;

constexpr size_t kEphemerals = 4096;  // for each thread; then the same again

struct Settings {
  std::string directory;
  std::string label;
  size_t threads = 4;
  size_t batch = 64;
  double warm_up = 0.5;
  double seconds = 3;
  double rate = 0;  // requests a second; 0: as many as are answered
};

Clock::duration Seconds(double n) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(n));
}

// When requests are due, for all threads together.
class Schedule {
 public:
  Schedule(Clock::time_point start, double rate) : start_(start), rate_(rate) {}

  // Waits for the time of the next one, and returns it.
  Clock::time_point Next() {
    if (rate_ == 0) return Clock::now();
    const Clock::time_point due =
        start_ + Seconds(static_cast<double>(taken_.fetch_add(1)) / rate_);
    std::this_thread::sleep_until(due);
    return due;
  }

 private:
  const Clock::time_point start_;
  const double rate_;
  std::atomic<uint64_t> taken_{0};
};

double Milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

class Worker {
 public:
  static recrypt::Result<std::unique_ptr<Worker>> Make(const Settings& settings) {
    recrypt::ClientOptions options;
    options.directory = settings.directory;
    RECRYPT_ASSIGN(auto client, recrypt::Client::Open(options));
    RECRYPT_ASSIGN(const auto name, recrypt::LabelName::Parse(settings.label));
    RECRYPT_ASSIGN(const auto label, client->profiles().Label(name, recrypt::ProfileUse::kRead));
    const std::string kid = recrypt::KeyUdf(label->key);
    auto service = client->services().At(label->services.at(0).domain, label->services.at(0).udf);
    return std::unique_ptr<Worker>(
        new Worker(settings.batch, std::move(client), std::move(service), kid));
  }

  // One request; kInvalid when a grant of it was refused.
  recrypt::Status Ask() {
    std::vector<recrypt::GrantRequest> grants(batch_);
    for (recrypt::GrantRequest& grant : grants) {
      grant.key = kid_;
      grant.ephemeral = ephemerals_[next_++ % ephemerals_.size()];
      grant.document = recrypt::ToBytes(recrypt::RandomArray<16>());
      grant.header = recrypt::ToBytes(recrypt::RandomArray<32>());
    }
    RECRYPT_ASSIGN(const recrypt::GetResponse answer,
                   service_->GetGrants(std::move(grants), recrypt::GrantUse::kOpen, false));
    const auto refused = std::find_if(answer.grants.begin(), answer.grants.end(),
                                      [](const auto& grant) { return !grant.status.ok(); });
    if (answer.grants.size() == batch_ && refused == answer.grants.end()) return {};
    return recrypt::Fail(ErrorCode::kInvalid, refused == answer.grants.end()
                                                  ? "too few grants"
                                                  : refused->status.description);
  }

  // Asks until `end`; the times of the requests that were due after `begin`.
  recrypt::Status Run(Schedule& schedule, Clock::time_point begin, Clock::time_point end) {
    for (;;) {
      const Clock::time_point due = schedule.Next();
      if (due >= end) return {};
      RECRYPT_TRY(Ask());
      const Clock::time_point answered = Clock::now();
      if (due >= begin && answered <= end) milliseconds_.push_back(Milliseconds(answered - due));
    }
  }

  const std::vector<double>& milliseconds() const { return milliseconds_; }

 private:
  Worker(size_t batch, std::unique_ptr<recrypt::Client> client,
         std::shared_ptr<recrypt::ServiceClient> service, std::string kid)
      : batch_(batch),
        client_(std::move(client)),
        service_(std::move(service)),
        kid_(std::move(kid)) {
    for (Bytes& ephemeral : ephemerals_) {
      ephemeral =
          recrypt::PrivateKey::Generate(recrypt::Curve::kX25519).public_key().CompressedBytes();
    }
  }

  const size_t batch_;
  const std::unique_ptr<recrypt::Client> client_;
  const std::shared_ptr<recrypt::ServiceClient> service_;
  const std::string kid_;
  std::vector<Bytes> ephemerals_ = std::vector<Bytes>(kEphemerals);
  size_t next_ = 0;
  std::vector<double> milliseconds_;
};

[[noreturn]] void GiveUp(const recrypt::Error& error) {
  std::fprintf(stderr, "grant_load: %s\n", error.message.c_str());
  std::exit(1);
}

std::vector<double> Measure(const Settings& settings) {
  std::vector<std::unique_ptr<Worker>> workers;
  for (size_t i = 0; i < settings.threads; ++i) {
    auto worker = Worker::Make(settings);
    if (!worker) GiveUp(worker.error());
    workers.push_back(std::move(*worker));
  }
  const Clock::time_point start = Clock::now();
  const Clock::time_point begin = start + Seconds(settings.warm_up);
  const Clock::time_point end = begin + Seconds(settings.seconds);
  Schedule schedule(start, settings.rate);
  std::vector<std::thread> threads;
  for (const auto& worker : workers) {
    threads.emplace_back([&worker, &schedule, begin, end] {
      const recrypt::Status status = worker->Run(schedule, begin, end);
      if (!status) GiveUp(status.error());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<double> all;
  for (const auto& worker : workers) {
    all.insert(all.end(), worker->milliseconds().begin(), worker->milliseconds().end());
  }
  std::sort(all.begin(), all.end());
  return all;
}

[[noreturn]] void Usage() {
  std::fprintf(stderr,
               "usage: grant_load CONFIG_DIRECTORY LABEL [--threads N] [--batch N] "
               "[--seconds N] [--warm-up N] [--rate N]\n");
  std::exit(2);
}

Settings ParseSettings(int argc, char** argv) {
  if (argc < 3 || argc % 2 == 0) Usage();
  Settings settings;
  settings.directory = argv[1];
  settings.label = argv[2];
  for (int i = 3; i < argc; i += 2) {
    const std::string name = argv[i];
    const double value = std::strtod(argv[i + 1], nullptr);
    if (value <= 0) Usage();
    if (name == "--threads") {
      settings.threads = static_cast<size_t>(value);
    } else if (name == "--batch") {
      settings.batch = static_cast<size_t>(value);
    } else if (name == "--seconds") {
      settings.seconds = value;
    } else if (name == "--warm-up") {
      settings.warm_up = value;
    } else if (name == "--rate") {
      settings.rate = value;
    } else {
      Usage();
    }
  }
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings = ParseSettings(argc, argv);
  const std::vector<double> all = Measure(settings);
  if (all.empty()) Usage();
  const double grants = static_cast<double>(all.size() * settings.batch);
  std::printf("{\"grants_per_second\":%.1f,\"requests\":%zu,\"p50_ms\":%.2f,\"p99_ms\":%.2f}\n",
              grants / settings.seconds, all.size(), all[all.size() / 2],
              all[all.size() * 99 / 100]);
  return 0;
}
