package scene

import "time"

// Down is a minute in which every attempt fails.
func Down() Outage {
	return Outage{Name: "60 s outage", Length: 2 * time.Minute, From: 20 * time.Second, To: 80 * time.Second}
}

// Blip is two seconds of failures.
func Blip() Outage {
	return Outage{Name: "2 s blip", Length: time.Minute, From: 20 * time.Second, To: 22 * time.Second}
}

// Flaky is an API that fails 30 % of the attempts, all the time.
func Flaky() Outage {
	return Outage{Name: "30 % failing", Length: time.Minute, To: time.Minute, Part: 0.3}
}

// Stopped is a back end with a capacity of 1.3 times the load, which stops for ten
// seconds.
func Stopped() Outage {
	return Outage{
		Name: "back end for 1.3 times the load, stopped for 10 s", Capacity: 130,
		Length: 80 * time.Second, From: 20 * time.Second, To: 30 * time.Second,
	}
}

// Lonely is an outage at a low rate of calls.
func Lonely() Outage {
	return Outage{
		Name: "60 s outage, 2 calls per second", Rate: 2,
		Length: 2 * time.Minute, From: 20 * time.Second, To: 80 * time.Second,
	}
}
