// Threads of the C++ library. With -DEXCEPTIONS they throw, too.
#include <atomic>
#include <cstdlib>
#include <chrono>
#include <condition_variable>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static std::atomic<int> destroyed, built;

struct counted {
    std::atomic<int> *count;
    ~counted()
    {
        ++*count;
    }
};
static thread_local counted own{&destroyed};

struct slow {
    int number;
    slow()
    {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        number = ++built;
    }
};

static int make_once()
{
    static slow s;
    return s.number;
}

template <class Body> static void on_threads(Body body)
{
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; i++)
        threads.emplace_back(body, i);
    for (auto &thread : threads)
        thread.join();
}

int main()
{
    std::mutex mutex;
    std::map<int, std::string> all;
    std::atomic<long> sum{0};
    auto shared = std::make_shared<std::vector<int>>(1000, 1);
    on_threads([&, shared](int i) {
        if (make_once() != 1 || own.count != &destroyed)
            std::abort();
        for (int k = 0; k < 300; k++) {
            auto copy = shared;
            std::weak_ptr<std::vector<int>> weak = copy;
            std::ostringstream text; // counts references of locales
            text << i << ' ' << 1.5 * k << std::hex << k;
            sum += long(text.str().size() + weak.lock()->size());
        }
        std::lock_guard lock(mutex);
        all[i] = "thread " + std::to_string(i);
    });
    for (auto &[number, text] : all)
        std::cout << number << ": " << text << '\n';
    std::cout << sum << ", " << destroyed << " destroyed, " << built << " built, " << shared.use_count() << " shared\n";

    std::condition_variable changed;
    int turn = 0;
    on_threads([&](int i) {
        for (int k = 0; k < 20; k++) {
            std::unique_lock lock(mutex);
            changed.wait(lock, [&] { return turn % 8 == i; });
            turn++;
            changed.notify_all();
        }
    });
    std::once_flag once;
    int times = 0;
    on_threads([&](int) { std::call_once(once, [&] { times++; }); });
    std::shared_mutex many;
    on_threads([&](int i) {
        if (i == 0) {
            std::unique_lock lock(many);
            times++;
        } else {
            std::shared_lock lock(many);
        }
    });
    auto answer = std::async(std::launch::async, [] { return 42; });
    std::promise<int> promise;
    auto promised = promise.get_future();
    std::thread([&] { promise.set_value_at_thread_exit(7); }).detach();
    std::cout << turn << " turns, " << times << " times, " << answer.get() + promised.get() << '\n';
    if (std::thread::hardware_concurrency() == 0)
        return 1;
#ifdef EXCEPTIONS
    std::atomic<int> caught{0};
    on_threads([&](int) {
        for (int k = 0; k < 200; k++)
            try {
                if (k % 2)
                    throw std::runtime_error("odd");
                throw k;
            } catch (int even) {
                caught += even == k;
            } catch (std::exception &e) {
                caught += std::string(e.what()) == "odd";
            }
    });
    std::shared_future<int> failed = std::async(std::launch::async, []() -> int { throw std::logic_error("thrown elsewhere"); });
    on_threads([&](int) {
        for (int k = 0; k < 50; k++)
            try {
                failed.get();
            } catch (std::logic_error &e) {
                caught += std::string(e.what()) == "thrown elsewhere";
            }
    });
    std::cout << caught << " caught\n";
#endif
}
