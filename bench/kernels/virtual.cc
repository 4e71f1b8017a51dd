// Virtual calls: a field of particles of different kinds behind one interface, as object-oriented codes have them.
#include <cmath>
#include <memory>
#include <vector>

#include "kernel.h"

namespace {

class Particle {
public:
    Particle(double position, double velocity) : position_(position), velocity_(velocity) {}
    virtual ~Particle() = default;
    virtual double force(double time) const = 0;
    virtual double mass() const { return 1.0; }
    void advance(double time, double dt)
    {
        velocity_ += dt * force(time) / mass();
        position_ += dt * velocity_;
    }
    double position() const { return position_; }

protected:
    double position_, velocity_;
};

class Spring : public Particle {
public:
    Spring(double x, double v, double k) : Particle(x, v), k_(k) {}
    double force(double) const override { return -k_ * position_; }

private:
    double k_;
};

class Damped : public Spring {
public:
    Damped(double x, double v, double k, double c) : Spring(x, v, k), c_(c) {}
    double force(double time) const override { return Spring::force(time) - c_ * velocity_; }
    double mass() const override { return 1.5; }

private:
    double c_;
};

class Driven : public Particle {
public:
    using Particle::Particle;
    double force(double time) const override { return time * (1.0 - time) - 0.1 * position_; }
};

class Free : public Particle {
public:
    using Particle::Particle;
    double force(double) const override { return 0; }
    double mass() const override { return 2.0; }
};

std::vector<std::unique_ptr<Particle>> particles;

void setup()
{
    for (int i = 0; i < 4000; i++) {
        double x = random_unit(), v = random_unit();
        switch (random_u32() % 4) {
        case 0: particles.push_back(std::make_unique<Spring>(x, v, 0.5)); break;
        case 1: particles.push_back(std::make_unique<Damped>(x, v, 0.5, 0.1)); break;
        case 2: particles.push_back(std::make_unique<Driven>(x, v)); break;
        default: particles.push_back(std::make_unique<Free>(x, v)); break;
        }
    }
}

void step()
{
    for (int t = 0; t < 100; t++)
        for (auto &p : particles)
            p->advance(t * 0.01, 0.01);
}

double checksum()
{
    double sum = 0;
    for (auto &p : particles)
        sum += p->position();
    return sum;
}

} // namespace

KERNEL(30)
