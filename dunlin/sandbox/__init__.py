"""The sandbox carrier: a stand-in for Twilio that takes every text and sends none.

It speaks Twilio's REST API and signs its status callbacks as Twilio does, so that the code which talks to
Twilio talks to this without knowing. It imports nothing from the rest of Dunlin: agreement between the two
would otherwise prove nothing.
"""
